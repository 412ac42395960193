// The offer in SDP (RFC 8866, JSEP): written from the formats of the Jingle offer and the lines of the session.
import * as sdp from 'sdp-transform';
import { prefer, type Sending } from './layers';
import type { Candidate, Formats, Offer } from './offer';
import type { Line, Lines } from './lines';
import type { Source } from './sources';

const direction_of = (line: Line): 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive' => {
  if (line.use.kind === 'remote' || line.use.kind === 'idle') return 'sendonly';
  if (line.use.kind === 'own') return line.use.name === 'screen' ? 'recvonly' : 'sendrecv';
  return 'inactive';
};

function candidate_of(c: Candidate) {
  return {
    foundation: c.foundation, component: c.component, transport: c.protocol, priority: c.priority, ip: c.ip, port: c.port, type: c.type,
    raddr: c.rel_addr, rport: c.rel_port, generation: c.generation ?? 0,
  };
}

/** Two tokens, as browsers want it. */
function msid_of(source: Source): string {
  if (source.stream) return `${source.stream} ${source.stream}-track`;
  const msid = source.ssrcs.find((s) => s.msid)?.msid;
  return msid && /^\S+ \S+$/.test(msid) ? msid : `${source.name} ${source.name}-track`;
}

function media_of(formats: Formats, source: Source | undefined) {
  const msid = source && msid_of(source);
  return {
    payloads: formats.payload_types.map((p) => p.id).join(' '),
    rtp: formats.payload_types.map((p) => ({
      payload: p.id, codec: p.name, rate: p.clockrate, encoding: p.channels > 1 ? p.channels : undefined,
    })),
    fmtp: formats.payload_types
      .filter((p) => p.parameters.length)
      .map((p) => ({ payload: p.id, config: p.parameters.map((x) => (x.name ? `${x.name}=${x.value}` : x.value)).join(';') })),
    rtcpFb: formats.payload_types.flatMap((p) => p.feedback.map((f) => ({ payload: p.id, type: f.type, subtype: f.subtype }))),
    ext: formats.extensions.map((e) => ({ value: e.id, uri: e.uri })),
    ssrcs: source?.ssrcs.flatMap((s) => [
      { id: s.ssrc, attribute: 'cname', value: source.stream ?? (source.owner || 'bridge') },
      { id: s.ssrc, attribute: 'msid', value: msid! },
    ]),
    ssrcGroups: source?.groups.map((g) => ({ semantics: g.semantics, ssrcs: g.ssrcs.join(' ') })),
    msid: msid ? [{ id: msid.split(' ')[0], appdata: msid.split(' ')[1] }] : undefined,
  };
}

/** `version` grows with every offer of a session. */
export function write_offer(offer: Offer, lines: Lines, version: number, sending?: Sending): string {
  const { transport } = offer;
  const media = lines.all.map((line, at) => {
    const common = {
      mid: line.mid,
      protocol: 'UDP/TLS/RTP/SAVPF',
      port: 9,
      connection: { version: 4, ip: '0.0.0.0' },
      iceUfrag: transport.ufrag,
      icePwd: transport.pwd,
      fingerprint: { type: transport.fingerprint.hash, hash: transport.fingerprint.value },
      setup: transport.fingerprint.setup,
      candidates: at === 0 ? transport.candidates.map(candidate_of) : undefined,
    };
    if (line.media === 'application')
      return {
        ...common, type: 'application', protocol: 'UDP/DTLS/SCTP', payloads: 'webrtc-datachannel', rtp: [], fmtp: [],
        sctpPort: offer.sctp_port ?? 5000,
      };
    const offered = offer.formats[line.media]!;
    const formats = line.media === 'video' ? (sending ? prefer(offered, sending.codec) : offered) : sending?.plain_audio ? prefer(offered, 'OPUS') : offered;
    const source = line.use.kind === 'remote' || line.use.kind === 'idle' ? line.use.source : line.use.kind === 'own' ? line.use.feedback : undefined;
    return { ...common, type: line.media, direction: direction_of(line), rtcpMux: 'rtcp-mux', ...media_of(formats, source) };
  });
  const allow_mixed = offer.formats.audio?.extmap_allow_mixed || offer.formats.video?.extmap_allow_mixed;
  return sdp.write({
    version: 0,
    origin: { username: '-', sessionId: '1923518516', sessionVersion: version, netType: 'IN', ipVer: 4, address: '0.0.0.0' },
    name: '-',
    timing: { start: 0, stop: 0 },
    groups: [{ type: 'BUNDLE', mids: lines.all.map((l) => l.mid).join(' ') }],
    ...(allow_mixed ? { extmapAllowMixed: 'extmap-allow-mixed' } : {}),
    msidSemantic: { semantic: 'WMS', token: '*' },
    media,
  } as unknown as sdp.SessionDescription);
}

export interface LocalLine { mid: string; ssrcs: number[]; groups: { semantics: string; ssrcs: number[] }[]; payload_types: number[]; sends: boolean }
export interface LocalDescription {
  ufrag: string; pwd: string; fingerprint: { hash: string; value: string }; setup: string; lines: LocalLine[];
}

/** What the browser answered, as far as the bridge needs it. */
export function read_answer(text: string): LocalDescription {
  const parsed = sdp.parse(text);
  const first = parsed.media.find((m) => m.iceUfrag) ?? parsed;
  const fingerprint = parsed.media.find((m) => m.fingerprint)?.fingerprint ?? parsed.fingerprint;
  if (!first.iceUfrag || !first.icePwd || !fingerprint) throw new Error('an answer without ICE or DTLS');
  return {
    ufrag: String(first.iceUfrag),
    pwd: String(first.icePwd),
    fingerprint: { hash: fingerprint.type, value: fingerprint.hash },
    setup: parsed.media.find((m) => m.setup)?.setup ?? 'active',
    lines: parsed.media.map((m) => {
      const groups = (m.ssrcGroups ?? []).map((g) => ({ semantics: g.semantics, ssrcs: g.ssrcs.split(' ').map(Number) }));
      const order = [...groups.flatMap((g) => g.ssrcs), ...(m.ssrcs ?? []).map((s) => Number(s.id))];
      return {
        mid: String(m.mid),
        ssrcs: [...new Set(order)],
        groups,
        payload_types: String(m.payloads ?? '').split(' ').map(Number).filter(Number.isFinite),
        sends: m.direction === 'sendrecv' || m.direction === 'sendonly',
      };
    }),
  };
}
