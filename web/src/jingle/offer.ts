// A session-initiate becomes an `Offer`: what the bridge can do, how to reach it, who sends.
import { NS } from '../namespaces';
import { child, children } from '../xml';
import { parse_sources, type MediaKind, type Source } from './sources';

export interface Parameter { name: string; value: string }
export interface PayloadType {
  id: number; name: string; clockrate: number; channels: number; parameters: Parameter[]; feedback: { type: string; subtype?: string }[];
}
export interface HeaderExtension { id: number; uri: string }
export interface Formats { payload_types: PayloadType[]; extensions: HeaderExtension[]; extmap_allow_mixed: boolean }
export interface Candidate {
  foundation: string; component: number; protocol: string; priority: number; ip: string; port: number; type: string;
  generation?: number; rel_addr?: string; rel_port?: number;
}
export interface Transport {
  ufrag: string; pwd: string; candidates: Candidate[]; fingerprint: { hash: string; value: string; setup: string }; web_sockets: string[];
}
export interface Offer {
  sid: string;
  formats: Record<MediaKind, Formats | undefined>;
  transport: Transport;
  sctp_port?: number;
  bridge_session?: string;
  region?: string;
  sources: Source[];
  start_muted: { audio: boolean; video: boolean };
}

const number_of = (e: Element, name: string): number => {
  const value = Number(e.getAttribute(name) ?? NaN);
  if (!Number.isFinite(value)) throw new Error(`<${e.localName}> needs a number in ${name}`);
  return value;
};
const text = (e: Element, name: string) => e.getAttribute(name) ?? '';

function parse_formats(description: Element): Formats {
  return {
    payload_types: children(description, 'payload-type').map((p) => ({
      id: number_of(p, 'id'),
      name: text(p, 'name'),
      clockrate: number_of(p, 'clockrate'),
      channels: Number(p.getAttribute('channels') ?? 1),
      parameters: children(p, 'parameter').map((x) => ({ name: text(x, 'name'), value: text(x, 'value') })),
      feedback: children(p, 'rtcp-fb', NS.rtcp_fb).map((x) => ({ type: text(x, 'type'), subtype: x.getAttribute('subtype') ?? undefined })),
    })),
    extensions: children(description, 'rtp-hdrext', NS.hdrext).map((x) => ({ id: number_of(x, 'id'), uri: text(x, 'uri') })),
    extmap_allow_mixed: !!child(description, 'extmap-allow-mixed'),
  };
}

/** The new side of the bridge after an ICE restart; undefined for a transport-info that is none. */
export function parse_restart(jingle: Element): { transport: Transport; generation: number } | undefined {
  const transport = children(jingle, 'content').map((c) => child(c, 'transport', NS.ice)).find((t) => t?.hasAttribute('ice-generation'));
  if (!transport) return undefined;
  const generation = number_of(transport, 'ice-generation');
  if (!Number.isInteger(generation) || generation <= 0 || !text(transport, 'ufrag') || !text(transport, 'pwd'))
    throw new Error('an ICE restart without a generation or credentials');
  return { transport: parse_transport(transport), generation };
}

export function parse_transport(transport: Element): Transport {
  const fingerprint = child(transport, 'fingerprint', NS.dtls);
  if (!fingerprint?.textContent) throw new Error('a transport without a fingerprint');
  return {
    ufrag: text(transport, 'ufrag'),
    pwd: text(transport, 'pwd'),
    fingerprint: { hash: text(fingerprint, 'hash'), value: fingerprint.textContent.trim(), setup: text(fingerprint, 'setup') || 'actpass' },
    candidates: children(transport, 'candidate').map((c) => ({
      foundation: text(c, 'foundation') || '1',
      component: number_of(c, 'component'),
      protocol: text(c, 'protocol').toLowerCase(),
      priority: number_of(c, 'priority'),
      ip: text(c, 'ip'),
      port: number_of(c, 'port'),
      type: text(c, 'type'),
      generation: c.hasAttribute('generation') ? number_of(c, 'generation') : undefined,
      rel_addr: c.getAttribute('rel-addr') ?? undefined,
      rel_port: c.hasAttribute('rel-port') ? number_of(c, 'rel-port') : undefined,
    })),
    web_sockets: children(transport, 'web-socket', NS.colibri).map((w) => text(w, 'url')).filter(Boolean),
  };
}

/** Throws with a sentence where the offer could not be answered; the caller sends it back as `bad-request`. */
export function parse_offer(jingle: Element): Offer {
  const contents = children(jingle, 'content');
  const transport = contents.map((c) => child(c, 'transport', NS.ice)).find((t) => t && child(t, 'fingerprint', NS.dtls));
  if (!transport) throw new Error('an offer without a transport');
  const formats: Offer['formats'] = { audio: undefined, video: undefined };
  let sctp_port: number | undefined;
  for (const content of contents) {
    const description = child(content, 'description', NS.rtp);
    const media = description?.getAttribute('media') ?? content.getAttribute('name');
    if (description && (media === 'audio' || media === 'video')) formats[media] = parse_formats(description);
    const map = child(child(content, 'transport', NS.ice) ?? content, 'sctpmap', NS.sctp);
    if (map) sctp_port = Number(map.getAttribute('number') ?? 5000);
  }
  if (!formats.audio && !formats.video) throw new Error('an offer without media');
  const bridge = child(jingle, 'bridge-session', NS.focus);
  const muted = child(jingle, 'startmuted', NS.start_muted);
  return {
    sid: text(jingle, 'sid'),
    formats,
    transport: parse_transport(transport),
    sctp_port,
    bridge_session: bridge?.getAttribute('id') ?? undefined,
    region: bridge?.getAttribute('region') ?? undefined,
    sources: parse_sources(jingle),
    start_muted: { audio: muted?.getAttribute('audio') === 'true', video: muted?.getAttribute('video') === 'true' },
  };
}
