import * as sdp from 'sdp-transform';
import { Strophe } from 'strophe.js';
import { describe, expect, it } from 'vitest';
import { kMaxLines, Lines } from '../src/jingle/lines';
import { ask_ice_restart, ice_failed, own_sources, session_accept, session_terminate, source_change, transport_info } from '../src/jingle/messages';
import { parse_offer, parse_restart } from '../src/jingle/offer';
import { read_answer, write_offer } from '../src/jingle/sdp';
import { parse_sources, write_sources, type Source } from '../src/jingle/sources';
import { child, children, el, parse_xml } from '../src/xml';
import { initiate } from './samples';

const offer = () => parse_offer(parse_xml(initiate));
const reparse = (e: Element) => parse_xml(Strophe.serialize(e));
const lines_of = (o = offer()) => new Lines(o.sources, ['audio', 'video'], false);
const source = (name: string, ssrc: number, kind: 'audio' | 'video' = 'video'): Source =>
  ({ owner: name.split('-')[0], name, kind, ssrcs: [{ ssrc, msid: `${name} t` }], groups: [] });

const answer = [
  'v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=group:BUNDLE 0 1',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'c=IN IP4 0.0.0.0', 'a=ice-ufrag:lu', 'a=ice-pwd:lp', 'a=fingerprint:sha-256 CC:DD', 'a=setup:active',
  'a=mid:0', 'a=sendrecv', 'a=rtcp-mux', 'a=rtpmap:111 opus/48000/2', 'a=ssrc:501 cname:x',
  'm=video 9 UDP/TLS/RTP/SAVPF 100 96', 'c=IN IP4 0.0.0.0', 'a=ice-ufrag:lu', 'a=ice-pwd:lp', 'a=fingerprint:sha-256 CC:DD', 'a=setup:active',
  'a=mid:1', 'a=sendrecv', 'a=rtcp-mux', 'a=rtpmap:100 VP8/90000', 'a=rtpmap:96 rtx/90000', 'a=ssrc-group:FID 601 602', 'a=ssrc:601 cname:x', 'a=ssrc:602 cname:x', '',
].join('\r\n');

describe('an offer', () => {
  it('is read from its contents and its compact JSON', () => {
    const o = offer();
    expect(o.transport).toMatchObject({ ufrag: 'u1', pwd: 'p1', web_sockets: ['wss://x/colibri-ws/s/c/e?pwd=w'] });
    expect(o.transport.candidates[0]).toMatchObject({ ip: '127.0.0.1', port: 10000, type: 'host' });
    expect(o.bridge_session).toBe('b1');
    expect(o.start_muted).toEqual({ audio: true, video: false });
    expect(o.sources.map((s) => s.name).sort()).toEqual(['aaaa0001-a0', 'aaaa0002-a0', 'aaaa0002-v0', 'aaaa0002-v1', 'jvb-a0', 'jvb-v0']);
    expect(o.sources.find((s) => s.name === 'aaaa0002-v0')).toMatchObject({ ssrcs: [{ ssrc: 31 }, { ssrc: 32 }], groups: [{ semantics: 'FID', ssrcs: [31, 32] }], video_type: 'camera' });
    expect(o.sources.find((s) => s.name === 'aaaa0002-v1')?.video_type).toBe('desktop');
  });

  it.each([
    ['no transport', initiate.replaceAll('fingerprint', 'thumbprint')],
    ['a port that is no number', initiate.replaceAll("port='10000'", "port='ten'")],
    ['an SSRC that is no number', initiate.replace("ssrc='21'", "ssrc='-4'")],
    ['JSON that is none', initiate.replace('{"sources"', '{sources')],
  ])('with %s is refused', (_, text) => expect(() => parse_offer(parse_xml(text))).toThrow());

  it('becomes SDP whose first lines are ours, with the bridge’s own sources', () => {
    const o = offer();
    const text = write_offer(o, lines_of(o), 3);
    const parsed = sdp.parse(text);
    expect(parsed.origin.sessionVersion).toBe(3);
    expect(parsed.groups).toEqual([{ type: 'BUNDLE', mids: '0 1 2 3 4 5' }]);
    expect(parsed.media.map((m) => `${m.type} ${m.direction}`)).toEqual([
      'audio sendrecv', 'video sendrecv', 'audio sendonly', 'video sendonly', 'video sendonly', 'audio sendonly']);
    expect(parsed.media[0].ssrcs?.find((s) => s.attribute === 'msid')?.value).toBe('mixedmslabel mixedlabelaudio0');
    expect(parsed.media[0].candidates).toHaveLength(1);
    expect(parsed.media[1].fmtp).toEqual([{ payload: 96, config: 'apt=100' }]);
    expect(text).toContain('a=rtcp-fb:100 nack pli');
    expect(text).toContain('a=ssrc-group:FID 31 32');
    expect(text).toContain('a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level');
  });

  it('with a data channel gets its own line after ours', () => {
    const o = { ...offer(), sctp_port: 5000 };
    const parsed = sdp.parse(write_offer(o, new Lines(o.sources, ['audio', 'video'], true), 1));
    expect(parsed.media[2]).toMatchObject({ type: 'application', protocol: 'UDP/DTLS/SCTP', sctpPort: 5000 });
  });
});

describe('lines', () => {
  it('never shrink or move; a freed line serves the next source of its kind', () => {
    const lines = lines_of();
    const before = lines.all.map((l) => l.mid);
    expect(lines.remove([lines.of_source('aaaa0002-v0')!.use].map((u) => (u as { source: Source }).source))).toEqual(['aaaa0002-v0']);
    expect(sdp.parse(write_offer(offer(), lines, 2)).media[3].direction).toBe('inactive');
    expect(lines.all.map((l) => l.mid)).toEqual(before);
    lines.add([source('aaaa0003-v0', 71)]);
    expect(lines.of_source('aaaa0003-v0')?.mid).toBe('3');
    lines.add([source('aaaa0004-v0', 72)]);
    expect(lines.of_source('aaaa0004-v0')?.mid).toBe('6');
  });

  it('keep a source until its last SSRC goes, and take more SSRCs in place', () => {
    const lines = new Lines([], ['audio', 'video'], false);
    lines.add([source('b-v0', 1)]);
    lines.add([source('b-v0', 2)]);
    expect(lines.all).toHaveLength(3);
    expect(lines.remove([source('b-v0', 1)])).toEqual([]);
    expect(lines.remove([source('b-v0', 2)])).toEqual(['b-v0']);
    expect(lines.remove([source('b-v0', 2)])).toEqual([]);
  });

  it('have a limit', () => {
    const lines = new Lines([], ['audio', 'video'], false);
    lines.add(Array.from({ length: kMaxLines + 5 }, (_, i) => source(`c${i}-v0`, i)));
    expect(lines.all).toHaveLength(kMaxLines);
    expect(lines.screen()).toBeUndefined();
  });
});

describe('SSRCs that the bridge lends', () => {
  const lent = (name: string, ssrc: number): Source =>
    ({ owner: name.split('-')[0], name, kind: 'video', video_type: 'camera', ssrcs: [{ ssrc }, { ssrc: ssrc + 1 }], groups: [{ semantics: 'FID', ssrcs: [ssrc, ssrc + 1] }] });
  const o = offer();
  const use_of = (lines: Lines) => lines.all.slice(2).map((l) => (l.use.kind === 'remote' ? l.use.source.name : l.use.kind));

  it('keep their line and what the browser was told of them, whosever they are', () => {
    const lines = new Lines([], ['audio', 'video'], false);
    expect(lines.map([lent('a-v0', 10), lent('b-v0', 20)])).toBe(true);
    const before = write_offer(o, lines, 1);
    expect(before).toContain('a=ssrc:10 msid:lent-2 lent-2-track');
    expect(lines.map([lent('c-v0', 10)])).toBe(false); // nothing that the browser has to hear
    expect(use_of(lines)).toEqual(['c-v0', 'b-v0']);
    expect(lines.map([lent('a-v0', 20)])).toBe(false);
    expect(use_of(lines)).toEqual(['c-v0', 'a-v0']);
    expect(lines.map([lent('c-v0', 20)])).toBe(false); // it moved: its old line stands for nobody
    expect(use_of(lines)).toEqual(['idle', 'c-v0']);
    expect(write_offer(o, lines, 1)).toBe(before);
    expect(lines.map([lent('d-v0', 10), lent('e-v0', 30)])).toBe(true);
    expect(use_of(lines)).toEqual(['d-v0', 'c-v0', 'e-v0']);
  });

  it('wait for the next where their owner has left, and are not given to sources with SSRCs of their own', () => {
    const lines = new Lines([], ['audio', 'video'], false);
    lines.map([lent('a-v0', 10)]);
    lines.add([source('b-v0', 70)]);
    lines.forget_owner('a');
    lines.forget_owner('b'); // the focus says when it goes
    lines.add([source('c-v0', 71)]);
    expect(use_of(lines)).toEqual(['idle', 'b-v0', 'c-v0']);
    expect(lines.screen()?.mid).toBe('5');
    expect(lines.map([lent('d-v0', 10)])).toBe(false);
    expect(lines.of_source('d-v0')?.mid).toBe('2');
  });

  it('have the limit of all lines', () => {
    const lines = new Lines([], ['audio', 'video'], false);
    lines.map(Array.from({ length: kMaxLines + 5 }, (_, i) => lent(`c${i}-v0`, 10 * i + 10)));
    expect(lines.all).toHaveLength(kMaxLines);
  });
});

describe('what we send', () => {
  const o = offer();
  const local = read_answer(answer);
  const own = own_sources(local, lines_of(o), 'me000001');

  it('accepts with an active fingerprint, our sources and no candidate', () => {
    const accept = reparse(session_accept(o, local, own, 'r@conference.x/focus', 'r@conference.x/me'));
    expect(accept.getAttribute('action')).toBe('session-accept');
    const [audio, video] = children(accept, 'content');
    const t = child(video, 'transport', 'urn:xmpp:jingle:transports:ice-udp:1')!;
    expect([t.getAttribute('ufrag'), t.getAttribute('pwd'), child(t, 'candidate')]).toEqual(['lu', 'lp', undefined]);
    expect(child(t, 'fingerprint')!.getAttribute('setup')).toBe('active');
    expect(child(t, 'fingerprint')!.textContent).toBe('CC:DD');
    expect(children(child(audio, 'description')!, 'payload-type').map((p) => p.getAttribute('id'))).toEqual(['111']);
    const read = parse_sources(accept);
    expect(read.map((s) => [s.name, s.ssrcs.map((x) => x.ssrc)])).toEqual([['me000001-a0', [501]], ['me000001-v0', [601, 602]]]);
    expect(new Set(read.map((s) => s.ssrcs[0].msid)).size).toBe(2);
    expect(read[1].groups).toEqual([{ semantics: 'FID', ssrcs: [601, 602] }]);
  });

  it('writes sources that read the same', () => {
    const description = el('description', { xmlns: 'urn:xmpp:jingle:apps:rtp:1', media: 'video' }, ...write_sources([own[1]]));
    const jingle = reparse(el('jingle', { xmlns: 'urn:xmpp:jingle:1' }, el('content', { name: 'video' }, description)));
    expect(parse_sources(jingle)).toEqual([own[1]]);
  });

  it('adds and removes sources, says that ICE failed, asks for a restart', () => {
    const add = reparse(source_change('source-add', 's1', [own[1]]));
    expect([add.getAttribute('action'), add.getAttribute('sid'), children(add, 'content').length]).toEqual(['source-add', 's1', 1]);
    const failed = reparse(ice_failed(o));
    expect(child(failed, 'ice-state', 'http://jitsi.org/protocol/focus')!.textContent).toBe('failed');
    expect(child(failed, 'bridge-session')!.getAttribute('id')).toBe('b1');
    const end = reparse(session_terminate(o, 'connectivity-error', true));
    expect(child(end, 'bridge-session')!.getAttribute('restart')).toBe('true');
    expect(child(child(end, 'reason')!, 'connectivity-error')).toBeDefined();
    expect(child(reparse(session_terminate(o, 'success', false)), 'bridge-session')!.hasAttribute('restart')).toBe(false);
  });

  it('needs ICE and DTLS in the answer', () => expect(() => read_answer(answer.replaceAll('a=fingerprint', 'a=x'))).toThrow());
});

describe('sources', () => {
  it('without a name take that of their group', () => {
    const read = parse_sources(parse_xml(`<jingle xmlns='urn:xmpp:jingle:1'><content name='video'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'>
      <source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='1' name='d-v0'/><source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='2'><ssrc-info xmlns='http://jitsi.org/jitmeet' owner='d'/></source>
      <ssrc-group xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' semantics='FID'><source ssrc='1'/><source ssrc='2'/></ssrc-group></description></content></jingle>`));
    expect(read).toHaveLength(1);
    expect(read[0].ssrcs.map((s) => s.ssrc)).toEqual([1, 2]);
  });

  it('are bounded', () => {
    const many = Array.from({ length: 2001 }, (_, i) => ({ s: i, n: `x-v${i}` }));
    const jingle = el('jingle', {}, el('json-message', { xmlns: 'http://jitsi.org/jitmeet' }, JSON.stringify({ sources: { x: [many] } })));
    expect(() => parse_sources(jingle)).toThrow('too many');
  });
});

describe('an ICE restart in place', () => {
  const info = (attributes: string) => parse_xml(`<jingle xmlns='urn:xmpp:jingle:1' action='transport-info' sid='s1'><content name='audio'>
    <transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ${attributes}><fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass'>AA</fingerprint>
    <candidate foundation='1' component='1' protocol='udp' priority='2130706431' ip='127.0.0.1' port='10000' type='host'/></transport></content></jingle>`);

  it('is asked for by the bridge session', () => {
    const asked = reparse(ask_ice_restart(offer()));
    expect(asked.getAttribute('action')).toBe('session-info');
    const session = child(asked, 'bridge-session', 'http://jitsi.org/protocol/focus')!;
    expect([session.getAttribute('id'), session.getAttribute('ice-restart'), session.getAttribute('restart')]).toEqual(['b1', 'true', null]);
  });

  it('brings the bridge’s new side, with its generation', () => {
    expect(parse_restart(info("ufrag='nu' pwd='np' ice-generation='2'"))).toMatchObject({ generation: 2, transport: { ufrag: 'nu', pwd: 'np', candidates: [{ port: 10000 }] } });
    expect(parse_restart(info("ufrag='nu' pwd='np'"))).toBeUndefined(); // candidates alone
    for (const wrong of ["ice-generation='2'", "ufrag='nu' pwd='np' ice-generation='0'", "ufrag='nu' pwd='np' ice-generation='x'"])
      expect(() => parse_restart(info(wrong))).toThrow();
  });

  it('takes our side back under the same generation', () => {
    const transport = child(child(reparse(transport_info(offer(), read_answer(answer), 2)), 'content')!, 'transport')!;
    expect(transport.getAttribute('ufrag')).toBe('lu');
    expect(transport.getAttribute('pwd')).toBe('lp');
    expect(transport.getAttribute('ice-generation')).toBe('2');
    expect(child(transport, 'fingerprint')?.textContent).toBe('CC:DD');
  });
});
