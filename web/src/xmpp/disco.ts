// What this client can do (XEP-0030) and its hash (XEP-0115).
import { NS } from '../namespaces';
import { child, el } from '../xml';

const kNode = 'https://tacoma.test/web';
const identity = { category: 'client', type: 'web', name: 'Tacoma' };

/** `sctp`: a data channel to the bridge. `rewriting`: the bridge, and not the focus, says whose SSRCs come. `red`: redundant audio. */
export const features = (can: { sctp: boolean; rewriting: boolean; red: boolean }): string[] =>
  [
    NS.disco_info, NS.jingle, NS.rtp, NS.ice, NS.dtls,
    'urn:xmpp:jingle:apps:rtp:audio', 'urn:xmpp:jingle:apps:rtp:video',
    'urn:ietf:rfc:4588', 'http://jitsi.org/tcc', 'http://jitsi.org/remb', 'http://jitsi.org/json-encoded-sources',
    'http://jitsi.org/source-name', 'http://jitsi.org/receive-multiple-video-streams',
    ...(can.sctp ? [NS.sctp] : []), ...(can.rewriting ? ['http://jitsi.org/ssrc-rewriting-1'] : []),
    ...(can.red ? ['http://jitsi.org/opus-red'] : []),
  ].sort();

/** Whether the browser knows redundant audio (RFC 2198), both ways. */
export const can_red = (): boolean =>
  [globalThis.RTCRtpSender, globalThis.RTCRtpReceiver].every((end) => end?.getCapabilities?.('audio')?.codecs.some((c) => c.mimeType === 'audio/red'));

export function disco_answer(request: Element, list: string[]): Element {
  const node = child(request, 'query', NS.disco_info)?.getAttribute('node') ?? undefined;
  return el('query', { xmlns: NS.disco_info, node }, el('identity', identity), ...list.map((f) => el('feature', { var: f })));
}

/** The caps element, or nothing where the page may not hash (no secure context). */
export async function caps(list: string[]): Promise<Element | undefined> {
  if (!globalThis.crypto?.subtle) return undefined;
  const text = `${identity.category}/${identity.type}//${identity.name}<${[...list].sort().join('<')}<`;
  const hash = await crypto.subtle.digest('SHA-1', new TextEncoder().encode(text));
  return el('c', { xmlns: NS.caps, hash: 'sha-1', node: kNode, ver: btoa(String.fromCharCode(...new Uint8Array(hash))) });
}
