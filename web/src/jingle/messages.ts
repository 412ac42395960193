// The Jingle messages of a client: session-accept, source-add, source-remove, session-info, session-terminate.
import { NS } from '../namespaces';
import { el } from '../xml';
import type { Lines } from './lines';
import type { Formats, Offer } from './offer';
import { write_sources, type MediaKind, type Source } from './sources';
import type { LocalDescription } from './sdp';

const suffix = { microphone: 'a0', camera: 'v0', screen: 'v1' } as const;
export const source_name = (endpoint: string, which: keyof typeof suffix) => `${endpoint}-${suffix[which]}`;

/** Our sources as the answer shows them. One msid for each, unique among ours. */
export function own_sources(local: LocalDescription, lines: Lines, endpoint: string): Source[] {
  const made: Source[] = [];
  for (const which of ['microphone', 'camera', 'screen'] as const) {
    const line = lines.own(which);
    const answered = line && local.lines.find((l) => l.mid === line.mid);
    if (!answered?.sends || !answered.ssrcs.length) continue;
    const kind: MediaKind = which === 'microphone' ? 'audio' : 'video';
    const stream = `${endpoint}-${kind}-${which === 'screen' ? 1 : 0}`;
    made.push({
      owner: endpoint,
      name: source_name(endpoint, which),
      kind,
      video_type: kind === 'video' ? (which === 'screen' ? 'desktop' : 'camera') : undefined,
      ssrcs: answered.ssrcs.map((ssrc) => ({ ssrc, msid: `${stream} ${stream}-track` })),
      groups: answered.groups.filter((g) => g.semantics === 'FID' || g.semantics === 'SIM') as Source['groups'],
    });
  }
  return made;
}

function description(media: MediaKind, formats: Formats | undefined, sources: Source[]): Element {
  return el('description', { xmlns: NS.rtp, media },
    ...(formats?.payload_types ?? []).map((p) =>
      el('payload-type', { id: p.id, name: p.name, clockrate: p.clockrate, channels: p.channels },
        ...p.parameters.map((x) => el('parameter', { name: x.name || undefined, value: x.value })),
        ...p.feedback.map((f) => el('rtcp-fb', { xmlns: NS.rtcp_fb, type: f.type, subtype: f.subtype })))),
    ...(formats?.extensions ?? []).map((e) => el('rtp-hdrext', { xmlns: NS.hdrext, id: e.id, uri: e.uri })),
    formats?.extmap_allow_mixed ? el('extmap-allow-mixed', { xmlns: NS.hdrext }) : null,
    formats ? el('rtcp-mux') : null,
    ...write_sources(sources.filter((s) => s.kind === media)));
}

/** The formats that the browser took. */
function answered(formats: Formats, local: LocalDescription): Formats {
  const taken = new Set(local.lines.flatMap((l) => l.payload_types));
  return { ...formats, payload_types: formats.payload_types.filter((p) => taken.has(p.id)) };
}

function jingle(action: string, sid: string, attributes: Record<string, string>, ...content: (Element | null)[]): Element {
  return el('jingle', { xmlns: NS.jingle, action, sid, ...attributes }, ...content);
}

/** XEP-0320 and ssma:0; setup is `active`: the bridge is the DTLS server. No candidates: the bridge learns them from checks. */
export function session_accept(offer: Offer, local: LocalDescription, own: Source[], initiator: string, responder: string): Element {
  const transport = (sctp?: boolean) =>
    el('transport', { xmlns: NS.ice, ufrag: local.ufrag, pwd: local.pwd },
      el('rtcp-mux'),
      el('fingerprint', { xmlns: NS.dtls, hash: local.fingerprint.hash, setup: 'active' }, local.fingerprint.value),
      sctp ? el('sctpmap', { xmlns: NS.sctp, number: offer.sctp_port, protocol: 'webrtc-datachannel', streams: 1024 }) : null);
  const contents = (['audio', 'video'] as const)
    .filter((media) => offer.formats[media])
    .map((media) => el('content', { name: media, creator: 'initiator', senders: 'both' },
      description(media, answered(offer.formats[media]!, local), own), transport()));
  if (offer.sctp_port !== undefined)
    contents.push(el('content', { name: 'data', creator: 'initiator', senders: 'both' },
      el('description', { xmlns: NS.rtp, media: 'application' }), transport(true)));
  return jingle('session-accept', offer.sid, { initiator, responder }, ...contents,
    el('group', { xmlns: NS.grouping, semantics: 'BUNDLE' }, ...contents.map((c) => el('content', { name: c.getAttribute('name')! }))));
}

export function source_change(action: 'source-add' | 'source-remove', sid: string, own: Source[]): Element {
  const kinds = [...new Set(own.map((s) => s.kind))];
  return jingle(action, sid, {}, ...kinds.map((media) =>
    el('content', { name: media, creator: 'initiator', senders: 'both' }, description(media, undefined, own))));
}

export function ice_failed(offer: Offer): Element {
  return jingle('session-info', offer.sid, {},
    el('ice-state', { xmlns: NS.focus }, 'failed'),
    offer.bridge_session ? el('bridge-session', { xmlns: NS.focus, id: offer.bridge_session }) : null);
}

/** Asks for new ICE credentials of the bridge; they come by transport-info. */
export function ask_ice_restart(offer: Offer): Element {
  return jingle('session-info', offer.sid, {}, el('bridge-session', { xmlns: NS.focus, id: offer.bridge_session, 'ice-restart': true }));
}

/** Our side of an ICE restart. BUNDLE: one content speaks for all. */
export function transport_info(offer: Offer, local: LocalDescription, generation: number): Element {
  return jingle('transport-info', offer.sid, {},
    el('content', { name: offer.formats.audio ? 'audio' : 'video', creator: 'initiator' },
      el('transport', { xmlns: NS.ice, ufrag: local.ufrag, pwd: local.pwd, 'ice-generation': generation },
        el('rtcp-mux'),
        el('fingerprint', { xmlns: NS.dtls, hash: local.fingerprint.hash, setup: 'active' }, local.fingerprint.value))));
}

/** XEP-0166's ping: nothing but the question whether the session is known. */
export function session_ping(offer: Offer): Element {
  return jingle('session-info', offer.sid, {});
}

/** With `restart` the focus invites us anew. */
export function session_terminate(offer: Offer, reason: string, restart: boolean): Element {
  return jingle('session-terminate', offer.sid, {},
    el('reason', {}, el(reason)),
    offer.bridge_session ? el('bridge-session', { xmlns: NS.focus, id: offer.bridge_session, restart: restart || undefined }) : null);
}
