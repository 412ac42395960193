// The bridge channel: a WebSocket that comes back by itself, or a data channel of the session.
import { parse_message, type FromBridge } from './messages';

export type ChannelState = 'none' | 'connecting' | 'open' | 'lost';
export interface ChannelEvents { state(state: ChannelState): void; message(message: FromBridge): void }
interface Pipe { send(text: string): void; close(): void }

const first_wait = 1_000;
const longest_wait = 10_000;

export class BridgeChannel {
  private pipe?: Pipe;
  private timer?: ReturnType<typeof setTimeout>;
  private wait = first_wait;
  private over = false;
  private is_open = false;

  constructor(private events: ChannelEvents) {}

  /** A WebSocket; a closed one is opened again, after 1 s, 2 s, 4 s ... at most 10 s. */
  open_socket(url: string): void {
    if (this.over) return;
    this.events.state(this.is_open ? 'lost' : 'connecting');
    this.is_open = false;
    const socket = new WebSocket(url);
    this.pipe = socket;
    socket.onopen = () => this.on_open(socket);
    socket.onmessage = (e) => this.on_text(socket, e.data);
    socket.onclose = () => {
      if (this.pipe !== socket || this.over) return;
      this.is_open = false;
      this.events.state('lost');
      this.timer = setTimeout(() => this.open_socket(url), this.wait);
      this.wait = Math.min(2 * this.wait, longest_wait);
    };
  }

  /** A data channel; `again` makes another one of the same session when it closes, as long as there is the session. */
  use_data_channel(channel: RTCDataChannel, again: () => RTCDataChannel | undefined): void {
    if (this.over) return;
    this.events.state(this.is_open ? 'lost' : 'connecting');
    this.is_open = false;
    this.pipe = channel;
    channel.onopen = () => this.on_open(channel);
    channel.onmessage = (e) => this.on_text(channel, e.data);
    channel.onclose = () => {
      if (this.pipe !== channel || this.over) return;
      this.is_open = false;
      this.events.state('lost');
      this.timer = setTimeout(() => {
        const next = again();
        if (next) this.use_data_channel(next, again);
      }, this.wait);
      this.wait = Math.min(2 * this.wait, longest_wait);
    };
  }

  /** Says it if the channel is open; the caller says everything again when it opens. */
  send(message: object): boolean {
    if (!this.is_open) return false;
    this.pipe!.send(JSON.stringify(message));
    return true;
  }

  /** For tests: cuts it as a network would. */
  cut(): void {
    this.pipe?.close();
  }

  close(): void {
    this.over = true;
    this.is_open = false;
    clearTimeout(this.timer);
    this.pipe?.close();
    this.events.state('none');
  }

  private on_open(pipe: Pipe): void {
    if (this.pipe !== pipe || this.over) return;
    this.wait = first_wait;
    this.is_open = true;
    this.events.state('open');
  }

  private on_text(pipe: Pipe, data: unknown): void {
    if (this.pipe !== pipe || this.over || typeof data !== 'string') return;
    const message = parse_message(data);
    if (message) this.events.message(message);
  }
}
