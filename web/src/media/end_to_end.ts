// End-to-end encryption of one room: a password that everybody knows makes the key; frames are sealed and opened in a worker.
import { material_from_password } from './frame_cipher';
import type { TransformOptions, WorkerOrder, WorkerReport } from './frame_worker';

interface Transformable { transform?: unknown }

export class EndToEnd {
  private worker?: Worker;
  private attached = new WeakSet<Transformable>();

  /** `on_readable` hears whether the frames of a received track (its id) can be opened. */
  constructor(private readonly room: string, private readonly on_readable: (track: string, readable: boolean) => void) {}

  static get available(): boolean {
    return 'RTCRtpScriptTransform' in globalThis;
  }
  get on(): boolean {
    return this.worker !== undefined;
  }

  /** Turns it on, or changes the key; an empty password turns it off. Turned on or off, it wants a new session: browsers take a
   *  transform only before the first frame. */
  async set_password(password: string): Promise<void> {
    if (!password) {
      this.worker?.terminate();
      this.worker = undefined;
      return;
    }
    const material = await material_from_password(password, this.room);
    if (!this.worker) {
      this.worker = new Worker(new URL('./frame_worker.ts', import.meta.url), { type: 'module' });
      this.worker.onmessage = (event: MessageEvent<WorkerReport>) => this.on_readable(event.data.stream, event.data.readable);
    }
    this.worker.postMessage({ material } satisfies WorkerOrder);
  }

  /** Puts what `pc` sends and receives under the key; called whenever there are new streams. */
  apply(pc: RTCPeerConnection): void {
    if (!this.worker) return;
    for (const sender of pc.getSenders()) this.put(this.worker, sender as Transformable, { direction: 'seal', stream: '' });
    for (const receiver of pc.getReceivers()) this.put(this.worker, receiver as Transformable, { direction: 'open', stream: receiver.track.id });
  }

  private put(worker: Worker, end: Transformable, options: TransformOptions): void {
    if (this.attached.has(end)) return;
    const { RTCRtpScriptTransform: Transform } = globalThis as unknown as { RTCRtpScriptTransform: new (worker: Worker, options: TransformOptions) => unknown };
    end.transform = new Transform(worker, options);
    this.attached.add(end);
  }
}
