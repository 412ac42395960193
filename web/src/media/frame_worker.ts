// The worker in which frames are sealed and opened (RTCRtpScriptTransform): one for the page, a stream for each sender and receiver.
import { FrameCipher, key_from_material, type FrameKind } from './frame_cipher';

/** What the page says. */
export interface WorkerOrder { material: Uint8Array<ArrayBuffer> }
/** What a transform is made with. `stream` names it in reports. */
export interface TransformOptions { direction: 'seal' | 'open'; stream: string }
/** What the worker says: whether a received stream can be opened with the key; only when that changes. */
export interface WorkerReport { stream: string; readable: boolean }

interface EncodedFrame { type?: 'key' | 'delta' | 'empty'; data: ArrayBuffer; timestamp?: number; getMetadata(): { synchronizationSource?: number; rtpTimestamp?: number } }
interface Transformer { readable: ReadableStream<EncodedFrame>; writable: WritableStream<EncodedFrame>; options: TransformOptions }

let cipher: Promise<FrameCipher> | undefined;

async function transform({ readable, writable, options }: Transformer): Promise<void> {
  let was_readable: boolean | undefined;
  const report = (is_readable: boolean) => {
    if (is_readable === was_readable) return;
    was_readable = is_readable;
    postMessage({ stream: options.stream, readable: is_readable } satisfies WorkerReport);
  };
  const one = new TransformStream<EncodedFrame, EncodedFrame>({
    async transform(frame, controller) {
      // Without a key nothing leaves and nothing is shown: that is what was asked for.
      if (!cipher) return;
      const c = await cipher;
      const kind: FrameKind = frame.type === 'key' || frame.type === 'delta' ? frame.type : 'audio';
      const about = frame.getMetadata();
      const data = options.direction === 'seal'
        ? await c.seal(kind, about.synchronizationSource ?? 0, about.rtpTimestamp ?? frame.timestamp ?? 0, frame.data)
        : await c.open(kind, frame.data);
      if (options.direction === 'open') report(data !== undefined);
      if (!data) return;
      frame.data = data;
      controller.enqueue(frame);
    },
  });
  await readable.pipeThrough(one).pipeTo(writable).catch(() => undefined); // the stream ended
}

onmessage = (event: MessageEvent<WorkerOrder>) => {
  cipher = key_from_material(event.data.material).then((key) => new FrameCipher(key));
};

(globalThis as unknown as { onrtctransform: (event: { transformer: Transformer }) => void }).onrtctransform = (event) => {
  void transform(event.transformer);
};
