// What we tell the bridge and what it tells us, over whichever channel the session has.
import type { Session } from '../jingle/session';
import type { Source } from '../jingle/sources';
import { quality_of_percent, type Quality } from '../media/stats';
import type { VideoType } from '../media/own';
import type { Store } from '../state';
import { BridgeChannel } from './channel';
import { constraints_for, type Shown } from './constraints';
import { to_bridge, type FromBridge } from './messages';

interface Host {
  prefer_sctp: boolean;
  step(name: string): void;
  /** The types of our video sources, said anew whenever the channel opens. */
  video_types(): Record<string, VideoType>;
  /** What SSRCs of the bridge stand for. */
  mapped(sources: Source[]): void;
}

const kSettle = 150; // ms: a moving layout does not flood the bridge

export class BridgeLink {
  channel?: BridgeChannel;
  private session?: Session;
  /** What was last said to be on screen. */
  shown: Shown[] = [];
  private timer?: ReturnType<typeof setTimeout>;

  constructor(private store: Store, private host: Host) {}

  attach(session: Session): void {
    const channel: BridgeChannel = new BridgeChannel({
      state: (state) => {
        if (this.channel !== channel && state !== 'none') return;
        this.store.set({ channel: state });
        if (state === 'open') this.on_open();
      },
      message: (m) => this.channel === channel && this.on_message(m),
    });
    this.session = session;
    this.channel = channel;
    const url = session.offer.transport.web_sockets[0];
    if (session.channel && (this.host.prefer_sctp || !url)) channel.use_data_channel(session.channel, () => session.new_channel());
    else if (url) channel.open_socket(url);
  }

  close(): void {
    const { channel } = this;
    this.channel = undefined;
    this.session = undefined;
    channel?.close();
  }

  /** What is on screen now. */
  set_shown(shown: Shown[]): void {
    this.shown = shown;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.tell_constraints(), kSettle);
  }

  tell_video_types(): void {
    for (const [source, type] of Object.entries(this.host.video_types())) this.channel?.send(to_bridge.video_type(source, type));
  }

  /** The bridge hands it to everybody, who show it as our connection's bars. */
  tell_quality(quality: Quality): void {
    this.channel?.send(to_bridge.stats({ connectionQuality: Math.round((quality / 3) * 100) }));
  }

  private on_open(): void {
    this.host.step('channel open');
    this.tell_constraints();
    this.tell_video_types();
  }

  private tell_constraints(): void {
    this.channel?.send(to_bridge.constraints(constraints_for(this.shown)));
  }

  private on_message(m: FromBridge): void {
    switch (m.kind) {
      case 'dominant': return this.store.set({ dominant: m.endpoint || undefined });
      case 'connectivity': return this.store.set_member(m.endpoint, { active: m.active });
      case 'forwarded': return this.store.set({ forwarded: m.sources });
      case 'mapped': return this.host.mapped(m.sources);
      case 'bandwidth': return this.store.set({ downlink_bps: m.bps });
      case 'send_at_most': return void this.session?.limit_height(m.source, m.height).catch(() => undefined);
      case 'stats': {
        const quality = quality_of_percent(m.stats.connectionQuality);
        if (quality !== undefined) this.store.set_member(m.from, { quality });
      }
    }
  }
}
