// @vitest-environment node
// The same vectors as tests/unit/secure/frame_cipher_test.cc: the page and the synthetic people read each other.
import { describe, expect, it } from 'vitest';
import { FrameCipher, OVERHEAD, key_from_material, material_from_password } from '../src/media/frame_cipher';

const hex = (bytes: ArrayBuffer) => [...new Uint8Array(bytes)].map((b) => b.toString(16).padStart(2, '0')).join('');
const counted = (size: number) => Uint8Array.from({ length: size }, (_, i) => i + 1).buffer;
const text = new TextEncoder();

describe('frame cipher', () => {
  it('seals as the C++ side does', async () => {
    const cipher = new FrameCipher(await key_from_material(text.encode('some key material')), 3);
    expect(hex(await cipher.seal_with(10, 0x11223344, 0x55667788, 9, counted(24)))).toBe(
      '0102030405060708090ac4c60c0659daa8aadc34d78f053928c998e8d00e3673606778770d71d9f81122334455667788000000090c03');
    const shared = new FrameCipher(await key_from_material(await material_from_password('correct horse', 'r@conference.x')));
    expect(hex(await shared.seal_with(3, 7, 8, 9, counted(24)))).toBe(
      '01020318c52801d9d558267dd1eb052a9e621fdc371e2e37def3e19ceeb322bb17df1010868c93b10000000700000008000000090c00');
  });

  it('opens what it sealed, and nothing else', async () => {
    const cipher = new FrameCipher(await key_from_material(text.encode('right')));
    const other = new FrameCipher(await key_from_material(text.encode('wrong')));
    for (const kind of ['audio', 'delta', 'key'] as const) {
      const sealed = (await cipher.seal(kind, 1, 2, counted(100)))!;
      expect(sealed.byteLength).toBe(100 + OVERHEAD);
      expect(hex((await cipher.open(kind, sealed.slice(0)))!)).toBe(hex(counted(100)));
      expect(await other.open(kind, sealed.slice(0))).toBeUndefined();
      const changed = sealed.slice(0);
      new Uint8Array(changed)[0] ^= 1;
      expect(await cipher.open(kind, changed)).toBeUndefined();
      expect(await cipher.open(kind, counted(20))).toBeUndefined();
    }
    expect(await cipher.seal('key', 1, 2, counted(9))).toBeUndefined();
  });

  it('never uses an IV twice', async () => {
    const cipher = new FrameCipher(await key_from_material(text.encode('k')));
    const ivs = new Set<string>();
    for (let i = 0; i < 50; ++i) ivs.add(hex((await cipher.seal('delta', 5, 6, counted(10)))!).slice(-28));
    expect(ivs.size).toBe(50);
  });
});
