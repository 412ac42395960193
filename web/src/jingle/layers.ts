// How our camera is sent: in several encodings (simulcast) or in layers of one (SVC), so that the bridge has something to choose from.
import * as sdp from 'sdp-transform';
import type { Formats } from './offer';

export type Codec = 'AV1' | 'VP8' | 'H264' | 'VP9';
/** `plain_audio`: no redundant audio, also where it is taken. */
export interface Sending { codec: Codec; layers: boolean; plain_audio?: boolean }

/** One encoding of the camera: its share of the captured height, and the most it may take. */
interface Encoding { scale: number; max_bitrate: number }
const simulcast: Encoding[] = [
  { scale: 4, max_bitrate: 200_000 },
  { scale: 2, max_bitrate: 700_000 },
  { scale: 1, max_bitrate: 2_500_000 },
];

/** AV1 and VP9 have layers inside one stream; VP8 and H.264 are sent several times. */
export const is_layered = (codec: Codec) => codec === 'AV1' || codec === 'VP9';

/** Only Chromium makes encodings of SSRCs that the answer names; others have none that the bridge could be told. */
export const can_simulcast = (agent: string) => /Chrom(e|ium)\//.test(agent);

/** The formats with one codec, and its retransmission, first: the browser sends what comes first. */
export function prefer(formats: Formats, codec: Codec | 'OPUS'): Formats {
  const types = formats.payload_types;
  const first = types.find((p) => p.name.toUpperCase() === codec);
  if (!first) return formats;
  const rtx = types.find((p) => p.name === 'rtx' && p.parameters.some((x) => x.name === 'apt' && x.value === String(first.id)));
  const ahead = rtx ? [first, rtx] : [first];
  return { ...formats, payload_types: [...ahead, ...types.filter((p) => !ahead.includes(p))] };
}

/** SSRCs of one line's further encodings: kept, so that every answer of a session names the same. */
export type Extra = { ssrc: number; rtx: number }[];
export const draw_extra = (random: (a: Uint32Array) => Uint32Array = (a) => crypto.getRandomValues(a)): Extra => {
  const drawn = [...random(new Uint32Array(2 * (simulcast.length - 1)))].map((n) => n || 1);
  return [0, 1].map((i) => ({ ssrc: drawn[2 * i], rtx: drawn[2 * i + 1] }));
};

/** The answer, with further SSRCs and their SIM and FID groups on the line `mid`. As it was where there is nothing to add to. */
export function with_simulcast(text: string, mid: string, extra: Extra): string {
  const parsed = sdp.parse(text);
  const line = parsed.media.find((m) => String(m.mid) === mid);
  if (!line?.ssrcs?.length || !line.ssrcGroups?.length || line.ssrcGroups.some((g) => g.semantics === 'SIM')) return text;
  const fid = line.ssrcGroups.find((g) => g.semantics === 'FID');
  if (!fid) return text;
  const first = Number(fid.ssrcs.split(' ')[0]);
  const about_first = line.ssrcs.filter((s) => Number(s.id) === first);
  for (const { ssrc, rtx } of extra) {
    for (const id of [ssrc, rtx]) line.ssrcs.push(...about_first.map((s) => ({ ...s, id })));
    line.ssrcGroups.push({ semantics: 'FID', ssrcs: `${ssrc} ${rtx}` });
  }
  line.ssrcGroups.unshift({ semantics: 'SIM', ssrcs: [first, ...extra.map((e) => e.ssrc)].join(' ') });
  return sdp.write(parsed);
}

/** What a sender's encodings should be, so that nothing taller than `max_height` is sent (0: nothing at all; -1: no limit). */
export function encodings_for<T extends RTCRtpEncodingParameters>(encodings: T[], captured: number, max_height: number, codec: Codec, has_layers: boolean): T[] {
  if (encodings.length > 1)
    return encodings.map((e, i) => {
      const { scale, max_bitrate } = simulcast[Math.min(i, simulcast.length - 1)];
      // The lowest serves everybody who wants anything.
      const fits = max_height < 0 || (max_height > 0 && (i === 0 || Math.floor(captured / scale) <= max_height));
      return { ...e, active: fits, scaleResolutionDownBy: scale, maxBitrate: max_bitrate, scalabilityMode: codec === 'VP8' ? 'L1T3' : 'L1T1' };
    });
  const scale = max_height > 0 && captured > max_height ? captured / max_height : 1;
  return encodings.map((e) => ({
    ...e, active: max_height !== 0, scaleResolutionDownBy: scale,
    ...(has_layers && is_layered(codec) ? { scalabilityMode: 'L3T3_KEY', maxBitrate: simulcast[2].max_bitrate } : {}),
  }));
}
