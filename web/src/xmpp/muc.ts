// What is said in a room (XEP-0045): presence out and in, chat, the owner's form, moderation.
import { NS } from '../namespaces';
import { child, children, el, text_of } from '../xml';

export interface SourceState { muted: boolean; video_type?: 'camera' | 'desktop' }
export interface OwnPresence { name: string; sources: Record<string, SourceState>; caps?: Element; password?: string; codecs: string; encrypted: boolean }

export const make_endpoint_id = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(4)), (b) => b.toString(16).padStart(2, '0')).join('');

/** `joining` asks to come in; later presences only say what changed. */
export function write_presence(to: string, own: OwnPresence, joining: boolean): Element {
  const info = Object.fromEntries(
    Object.entries(own.sources).map(([name, s]) => [name, { muted: s.muted, ...(s.video_type === 'desktop' ? { videoType: 'desktop' } : {}) }]));
  const muted_of = (letter: string) => String(Object.entries(own.sources).find(([n]) => n.includes(`-${letter}0`))?.[1].muted ?? true);
  return el('presence', { xmlns: NS.client, to },
    joining ? el('x', { xmlns: NS.muc }, own.password ? el('password', {}, own.password) : null) : null,
    own.caps?.cloneNode(true) as Element | undefined,
    el('jitsi_participant_codecList', {}, own.codecs),
    el('jitsi_participant_e2ee.enabled', {}, String(own.encrypted)),
    own.name ? el('nick', { xmlns: NS.nick }, own.name) : null,
    el('SourceInfo', {}, JSON.stringify(info)),
    el('audiomuted', {}, muted_of('a')),
    el('videomuted', {}, muted_of('v')));
}

export interface Occupant {
  id: string; // the nick, which is the endpoint's id
  jid?: string;
  name: string;
  moderator: boolean;
  sources: Record<string, SourceState>;
  encrypted: boolean;
  bridge_missing: boolean; // of the focus: no bridge at all
  properties: Record<string, string>; // of the focus: conference-properties
  codes: number[];
  actor?: string;
  reason?: string;
  destroyed: boolean;
}

function parse_sources_info(presence: Element, id: string): Record<string, SourceState> {
  const text = text_of(presence, 'SourceInfo');
  if (text) {
    try {
      const parsed = JSON.parse(text) as Record<string, { muted?: boolean; videoType?: string }>;
      return Object.fromEntries(Object.entries(parsed).map(([name, s]) =>
        [name, { muted: s?.muted !== false, video_type: s?.videoType === 'desktop' ? 'desktop' as const : undefined }]));
    } catch {
      return {}; // then all is muted, which shows the person without a picture
    }
  }
  const state: Record<string, SourceState> = {};
  const audio = text_of(presence, 'audiomuted');
  const video = text_of(presence, 'videomuted');
  if (audio !== undefined) state[`${id}-a0`] = { muted: audio === 'true' };
  if (video !== undefined) state[`${id}-v0`] = { muted: video === 'true' };
  return state;
}

export function parse_presence(presence: Element): Occupant {
  const id = (presence.getAttribute('from') ?? '').split('/').slice(1).join('/');
  const x = child(presence, 'x', NS.muc_user);
  const item = x && child(x, 'item');
  const properties = child(presence, 'conference-properties', NS.focus);
  return {
    id,
    jid: item?.getAttribute('jid') ?? undefined,
    name: text_of(presence, 'nick', NS.nick) ?? '',
    moderator: item?.getAttribute('role') === 'moderator',
    sources: parse_sources_info(presence, id),
    encrypted: text_of(presence, 'jitsi_participant_e2ee.enabled') === 'true',
    bridge_missing: !!child(presence, 'bridgeNotAvailable', NS.focus),
    properties: Object.fromEntries((properties ? children(properties, 'property') : []).map((p) =>
      [p.getAttribute('key') ?? '', p.getAttribute('value') ?? ''])),
    codes: x ? children(x, 'status').map((s) => Number(s.getAttribute('code'))) : [],
    actor: item && child(item, 'actor')?.getAttribute('nick') || undefined,
    reason: item && text_of(item, 'reason'),
    destroyed: !!(x && child(x, 'destroy')),
  };
}

/** With the name: who comes later reads it in the room's history, where the sender may be long gone. */
export function chat_message(room: string, body: string, name: string, id: string): Element {
  return el('message', { xmlns: NS.client, to: room, type: 'groupchat', id }, el('body', {}, body), name ? el('nick', { xmlns: NS.nick }, name) : null);
}

export function kick(nick: string, reason: string): Element {
  return el('query', { xmlns: NS.muc_admin }, el('item', { nick, role: 'none' }, el('reason', {}, reason)));
}

/** An empty password opens the room. */
export function password_form(password: string): Element {
  const field = (name: string, value: string) => el('field', { var: name }, el('value', {}, value));
  return el('query', { xmlns: NS.muc_owner },
    el('x', { xmlns: NS.data_form, type: 'submit' },
      field('FORM_TYPE', 'http://jabber.org/protocol/muc#roomconfig'),
      field('muc#roomconfig_roomsecret', password),
      field('muc#roomconfig_whois', 'anyone')));
}

export function is_locked(disco_result: Element): boolean {
  const query = child(disco_result, 'query', NS.disco_info);
  return !!query && children(query, 'feature').some((f) => f.getAttribute('var') === 'muc_passwordprotected');
}

export function mute_order(what: 'audio' | 'video' | 'desktop', jid: string): Element {
  return el('mute', { xmlns: `http://jitsi.org/jitmeet/${what}`, jid }, 'true');
}
