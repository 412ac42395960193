// End-to-end encryption of one room: a password that everybody knows makes the key; frames are sealed and opened in a worker.
import { material_from_password } from './frame_cipher';
import type { TransformOptions, WorkerOrder, WorkerReport } from './frame_worker';

interface Transformable { transform?: unknown }

export class EndToEnd {
  private worker?: Worker;
  private readonly attached = new Set<Transformable>();

  /** `on_readable` hears whether the frames of a received track (its id) can be opened. */
  constructor(private readonly room: string, private readonly on_readable: (track: string, readable: boolean) => void) {}

  static get available(): boolean {
    return 'RTCRtpScriptTransform' in globalThis;
  }
  get on(): boolean {
    return this.worker !== undefined;
  }

  /** Turns it on, or changes the key; an empty password turns it off. Streams are touched by attach(). */
  async set_password(password: string): Promise<void> {
    if (!password) {
      this.worker?.terminate();
      this.worker = undefined;
      for (const end of this.attached) end.transform = null;
      this.attached.clear();
      return;
    }
    const material = await material_from_password(password, this.room);
    if (!this.worker) {
      this.worker = new Worker(new URL('./frame_worker.ts', import.meta.url), { type: 'module' });
      this.worker.onmessage = (event: MessageEvent<WorkerReport>) => this.on_readable(event.data.stream, event.data.readable);
    }
    this.worker.postMessage({ material } satisfies WorkerOrder);
  }

  /** Puts what `pc` sends and receives under the key; call it again whenever there are new streams. */
  attach(pc: RTCPeerConnection): void {
    if (!this.worker) return;
    const Transform = (globalThis as unknown as { RTCRtpScriptTransform: new (worker: Worker, options: TransformOptions) => unknown }).RTCRtpScriptTransform;
    const put = (end: Transformable, options: TransformOptions) => {
      if (this.attached.has(end)) return;
      end.transform = new Transform(this.worker!, options);
      this.attached.add(end);
    };
    for (const sender of pc.getSenders()) put(sender as Transformable, { direction: 'seal', stream: '' });
    for (const receiver of pc.getReceivers()) put(receiver as Transformable, { direction: 'open', stream: receiver.track.id });
  }
}
