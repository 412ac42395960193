import * as sdp from 'sdp-transform';
import { describe, expect, it } from 'vitest';
import { read_deployment } from '../src/config';
import { can_simulcast, draw_extra, encodings_for, prefer, with_simulcast } from '../src/jingle/layers';
import type { Formats } from '../src/jingle/offer';

const answer = [
  'v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=group:BUNDLE 0 1',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'c=IN IP4 0.0.0.0', 'a=mid:0', 'a=sendrecv', 'a=rtpmap:111 opus/48000/2', 'a=ssrc:5 cname:c',
  'm=video 9 UDP/TLS/RTP/SAVPF 100 96', 'c=IN IP4 0.0.0.0', 'a=mid:1', 'a=sendrecv', 'a=rtpmap:100 VP8/90000', 'a=rtpmap:96 rtx/90000', 'a=fmtp:96 apt=100',
  'a=ssrc-group:FID 11 12', 'a=ssrc:11 cname:c', 'a=ssrc:11 msid:s t', 'a=ssrc:12 cname:c', 'a=ssrc:12 msid:s t', '',
].join('\r\n');
const extra = [{ ssrc: 21, rtx: 22 }, { ssrc: 31, rtx: 32 }];

describe('simulcast', () => {
  it('adds two encodings to the camera line, each with its retransmission, and nothing elsewhere', () => {
    const video = sdp.parse(with_simulcast(answer, '1', extra)).media[1];
    expect(video.ssrcGroups).toEqual([
      { semantics: 'SIM', ssrcs: '11 21 31' }, { semantics: 'FID', ssrcs: '11 12' }, { semantics: 'FID', ssrcs: '21 22' }, { semantics: 'FID', ssrcs: '31 32' },
    ]);
    for (const id of [11, 12, 21, 22, 31, 32])
      expect(video.ssrcs!.filter((s) => Number(s.id) === id).map((s) => [s.attribute, s.value])).toEqual([['cname', 'c'], ['msid', 's t']]);
    expect(sdp.parse(with_simulcast(answer, '1', extra)).media[0]).toEqual(sdp.parse(answer).media[0]);
  });
  it('is the same in every answer, and leaves alone what it cannot add to', () => {
    const once = with_simulcast(answer, '1', extra);
    expect(with_simulcast(once, '1', extra)).toBe(once);
    for (const mid of ['0', '7']) expect(with_simulcast(answer, mid, extra)).toBe(answer);
  });
  it('draws SSRCs that are not zero', () => expect(draw_extra((a) => a)).toEqual([{ ssrc: 1, rtx: 1 }, { ssrc: 1, rtx: 1 }]));
  it('is for Chromium', () => {
    expect(can_simulcast('Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0 Safari/537.36')).toBe(true);
    expect(can_simulcast('Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0')).toBe(false);
  });
});

describe('encodings', () => {
  const three = [{}, {}, {}] as RTCRtpEncodingParameters[];
  const active = (most: number) => encodings_for(three, 720, most, 'VP8', true).map((e) => e.active);
  it('taller than the bridge can use are not sent; the lowest serves everybody', () => {
    expect(active(-1)).toEqual([true, true, true]);
    expect(active(720)).toEqual([true, true, true]);
    expect(active(719)).toEqual([true, true, false]);
    expect(active(360)).toEqual([true, true, false]);
    expect(active(180)).toEqual([true, false, false]);
    expect(active(90)).toEqual([true, false, false]);
    expect(active(0)).toEqual([false, false, false]);
    expect(encodings_for(three, 720, -1, 'VP8', true).map((e) => e.scaleResolutionDownBy)).toEqual([4, 2, 1]);
  });
  it('of one stream are scaled, and have layers where the codec has them', () => {
    const one = [{}] as RTCRtpEncodingParameters[];
    expect(encodings_for(one, 720, 180, 'VP8', true)).toEqual([{ active: true, scaleResolutionDownBy: 4 }]);
    expect(encodings_for(one, 720, 0, 'VP9', true)[0]).toMatchObject({ active: false, scalabilityMode: 'L3T3_KEY' });
    expect(encodings_for(one, 720, -1, 'AV1', false)[0]).toEqual({ active: true, scaleResolutionDownBy: 1 });
  });
});

describe('a codec', () => {
  const type = (id: number, name: string, apt?: number) => ({ id, name, clockrate: 90000, channels: 1, parameters: apt ? [{ name: 'apt', value: String(apt) }] : [], feedback: [] });
  const formats = { payload_types: [type(41, 'AV1'), type(100, 'VP8'), type(42, 'rtx', 41), type(96, 'rtx', 100)], extensions: [] } as unknown as Formats;
  it('goes first with its retransmission', () => {
    expect(prefer(formats, 'VP8').payload_types.map((p) => p.id)).toEqual([100, 96, 41, 42]);
    expect(prefer(formats, 'H264').payload_types.map((p) => p.id)).toEqual([41, 100, 42, 96]);
  });
  it('is Opus where redundant audio was offered first but is not to be sent', () => {
    const audio = { payload_types: [type(112, 'red'), type(111, 'opus')], extensions: [] } as unknown as Formats;
    expect(prefer(audio, 'OPUS').payload_types.map((p) => p.id)).toEqual([111, 112]);
  });
  it('is what the address says, or the configuration, or VP8', () => {
    const at = (hash: string, config = {}) => read_deployment(config, { protocol: 'https:', host: 'x', hostname: 'x', hash });
    expect(at('#codec=vp9&height=360&layers=0')).toMatchObject({ height: 360, sending: { codec: 'VP9', layers: false } });
    expect(at('', { videoQuality: { codecPreferenceOrder: ['AV1', 'VP8'] }, disableSimulcast: true })).toMatchObject({ height: 720, sending: { codec: 'AV1', layers: false } });
    expect([at('#rewriting=0'), at('', { flags: { ssrcRewritingEnabled: false } }), at('')].map((d) => d.rewriting)).toEqual([false, false, true]);
    expect([at('#red=1'), at('#red=0', { enableOpusRed: true }), at('', { enableOpusRed: true }), at('')].map((d) => d.red)).toEqual([true, false, true, false]);
    expect(at('#codec=MJPEG')).toMatchObject({ sending: { codec: 'VP8', layers: true } });
  });
});
