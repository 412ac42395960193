// End-to-end encryption of encoded frames: the format of core/secure/frame_cipher.h, which is that of lib-jitsi-meet. The first bytes
// stay clear, then AES-256-GCM text and tag, the IV, its length and the key's index.

export type FrameKind = 'audio' | 'delta' | 'key';

const CLEAR: Record<FrameKind, number> = { audio: 1, delta: 3, key: 10 };
const IV = 12;
const TAG = 16;
export const OVERHEAD = TAG + IV + 2;
const PASSWORD_ROUNDS = 100_000;

const text = new TextEncoder();

/** Key material from a password that everybody in the room knows; slow on purpose. `room` is its address, room@conference.example. */
export async function material_from_password(password: string, room: string): Promise<Uint8Array<ArrayBuffer>> {
  const secret = await crypto.subtle.importKey('raw', text.encode(password), 'PBKDF2', false, ['deriveBits']);
  const salt = text.encode(`tacoma-e2ee:${room}`);
  return new Uint8Array(await crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt, iterations: PASSWORD_ROUNDS }, secret, 256));
}

export async function key_from_material(material: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  const secret = await crypto.subtle.importKey('raw', material, 'HKDF', false, ['deriveKey']);
  const derivation = { name: 'HKDF', hash: 'SHA-256', salt: text.encode('JFrameEncryptionKey'), info: text.encode('JFrameInfo') };
  return crypto.subtle.deriveKey(derivation, secret, { name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
}

export class FrameCipher {
  private readonly counters = new Map<number, number>();

  constructor(private readonly key: CryptoKey, private readonly index = 0) {}

  /** Undefined when the frame is shorter than what has to stay clear. */
  async seal(kind: FrameKind, ssrc: number, timestamp: number, frame: ArrayBuffer): Promise<ArrayBuffer | undefined> {
    const clear = CLEAR[kind];
    if (frame.byteLength < clear) return undefined;
    const count = this.counters.get(ssrc) ?? crypto.getRandomValues(new Uint32Array(1))[0];
    this.counters.set(ssrc, (count + 1) >>> 0);
    return this.seal_with(clear, ssrc, timestamp, count, frame);
  }

  /** The same with a counter of the caller's. */
  async seal_with(clear: number, ssrc: number, timestamp: number, count: number, frame: ArrayBuffer): Promise<ArrayBuffer> {
    const header = new Uint8Array(frame, 0, clear);
    const iv = new Uint8Array(IV);
    const view = new DataView(iv.buffer);
    view.setUint32(0, ssrc);
    view.setUint32(4, timestamp);
    view.setUint32(8, count);
    const cipher = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: header }, this.key, new Uint8Array(frame, clear));
    const sealed = new Uint8Array(frame.byteLength + OVERHEAD);
    sealed.set(header);
    sealed.set(new Uint8Array(cipher), clear);
    sealed.set(iv, frame.byteLength + TAG);
    sealed.set([IV, this.index], frame.byteLength + TAG + IV);
    return sealed.buffer;
  }

  /** Undefined when it was not encrypted with this key, or changed on the way. */
  async open(kind: FrameKind, frame: ArrayBuffer): Promise<ArrayBuffer | undefined> {
    const clear = CLEAR[kind];
    const size = frame.byteLength - OVERHEAD;
    if (size < clear) return undefined;
    const bytes = new Uint8Array(frame);
    if (bytes[frame.byteLength - 2] !== IV || bytes[frame.byteLength - 1] !== this.index) return undefined;
    const header = bytes.subarray(0, clear);
    const iv = bytes.subarray(size + TAG, size + TAG + IV);
    try {
      const plain = await crypto.subtle.decrypt({ name: 'AES-GCM', iv, additionalData: header }, this.key, bytes.subarray(clear, size + TAG));
      const opened = new Uint8Array(size);
      opened.set(header);
      opened.set(new Uint8Array(plain), clear);
      return opened.buffer;
    } catch {
      return undefined;
    }
  }
}
