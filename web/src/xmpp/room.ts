// The room as the server tells it: who is in it, what they say, whether it is locked, and what a moderator may do.
import { NS } from '../namespaces';
import type { Member, Store } from '../state';
import { child, el, text_of } from '../xml';
import { StanzaError, type Stream } from './connection';
import { caps } from './disco';
import {
  chat_message, is_locked, kick, make_endpoint_id, mute_order, parse_presence, password_form, write_presence, type Occupant, type SourceState,
} from './muc';

export interface RoomEvents {
  /** We are in, alone or not. Members are in the store. */
  entered(alone: boolean): void;
  /** Put out for good; the sentence is for the person. */
  removed(why: string): void;
  /** Out for a reason that may pass. */
  lost(why: string): void;
  left(endpoint: string): void;
  focus_gone(): void;
  /** Our sources as others are to see them. */
  sources(endpoint: string): Record<string, SourceState>;
}

const kMaxChat = 500;
const kSpokenChat = 200; // characters of a message that are said aloud
const kPassing = ['item-not-found', 'not-allowed']; // the room may be about to be made anew
const kRefusals: Record<string, string> = {
  'registration-required': 'Only invited people may enter this room.',
  'forbidden': 'You may not enter this room.',
  'service-unavailable': 'The room is full.',
};

export class Room {
  endpoint = '';
  focus_jid = '';
  focus_seen = false;
  password = '';
  private stream?: Stream;
  private refused = 0; // times in a row, for a reason that may pass
  private fresh: Member[] = []; // seen before our own presence, which comes last

  constructor(readonly jid: string, private name: string, private features: string[], private store: Store, private events: RoomEvents) {}

  get own_address(): string {
    return `${this.jid}/${this.endpoint}`;
  }
  get focus_address(): string {
    return `${this.jid}/focus`;
  }

  /** Asks to be let in, under a new endpoint id. */
  async enter_anew(stream: Stream): Promise<void> {
    this.stream = stream;
    this.fresh = [];
    this.take_id();
    await this.enter();
  }

  async enter(): Promise<void> {
    this.stream?.send(write_presence(this.own_address, { ...(await this.presence_now()), password: this.password || undefined }, true));
  }

  leave(): void {
    this.stream?.send(el('presence', { xmlns: NS.client, to: this.own_address, type: 'unavailable' }));
  }

  publish(): void {
    if (this.store.state.phase === 'joined') void this.presence_now().then((own) => this.stream?.send(write_presence(this.own_address, own, false)));
  }

  say(text: string): void {
    const body = text.trim();
    if (body) this.stream?.send(chat_message(this.jid, body, this.name, `c${Date.now()}-${Math.round(performance.now())}`));
  }

  async set_password(password: string): Promise<void> {
    await this.stream?.iq('set', this.jid, password_form(password));
    this.password = password;
    this.store.announce(password ? 'The room now has a password.' : 'The room is open again.', 'shown');
    await this.read_lock();
  }

  async kick(id: string): Promise<void> {
    await this.stream?.iq('set', this.jid, kick(id, 'A moderator removed you from the room.'));
  }

  async mute_other(id: string, what: 'audio' | 'video' | 'desktop'): Promise<void> {
    await this.stream?.iq('set', this.focus_address, mute_order(what, `${this.jid}/${id}`));
  }

  on_presence(presence: Element): void {
    if ((presence.getAttribute('from') ?? '').split('/')[0] !== this.jid) return;
    if (presence.getAttribute('type') === 'error') return this.on_refused(presence);
    const occupant = parse_presence(presence);
    const gone = presence.getAttribute('type') === 'unavailable';
    const self = occupant.id === this.endpoint || occupant.codes.includes(110);
    if (self) return gone ? this.on_removed(occupant) : this.on_own_presence(occupant);
    if (occupant.id === 'focus') return this.on_focus(occupant, gone);
    gone ? this.on_left(occupant) : this.on_member(occupant);
  }

  on_message(message: Element): void {
    const [room, nick] = split_jid(message.getAttribute('from'));
    if (room !== this.jid || message.getAttribute('type') === 'error') return;
    const x = child(message, 'x', NS.muc_user);
    if (x && Array.from(x.children).some((c) => c.getAttribute('code') === '104')) void this.read_lock();
    const text = text_of(message, 'body');
    if (!text || !nick) return;
    const mine = nick === this.endpoint;
    const name = mine ? this.name || 'You' : this.name_of(nick) ?? (text_of(message, 'nick', NS.nick) || 'Guest');
    const stamp = child(message, 'delay', 'urn:xmpp:delay')?.getAttribute('stamp');
    const line = {
      id: message.getAttribute('id') ?? `${Date.now()}`, from: nick, name, text, mine, at: (stamp && Date.parse(stamp)) || Date.now(), late: !!stamp,
    };
    const { chat, chat_heard } = this.store.state;
    if (chat.some((c) => c.id === line.id && c.from === nick)) return; // told again after a re-join
    const heard = !mine && !line.late;
    this.store.set({ chat: [...chat, line].slice(-kMaxChat), chat_heard: chat_heard + Number(heard) });
    if (heard) this.store.announce(`${name} says: ${text.slice(0, kSpokenChat)}`, 'chat');
  }

  /** The name of somebody in the room. */
  name_of(id: string | undefined): string | undefined {
    return this.store.state.members.find((m) => m.id === id)?.name;
  }

  private take_id(): void {
    this.endpoint = make_endpoint_id();
    this.store.set_me({ id: this.endpoint });
  }

  private async presence_now() {
    return { name: this.name, sources: this.events.sources(this.endpoint), codecs: 'vp8', encrypted: this.store.state.encrypted, caps: await caps(this.features) };
  }

  private on_refused(presence: Element): void {
    const error = child(presence, 'error')!;
    const condition = Array.from(error.children).find((c) => c.namespaceURI === NS.stanzas && c.localName !== 'text')?.localName ?? '';
    if (condition === 'not-authorized') return this.store.set({ phase: 'password', wrong_password: !!this.password });
    if (condition === 'conflict') {
      this.take_id();
      return void this.enter();
    }
    const said = text_of(error, 'text');
    if (kPassing.includes(condition) && this.refused++ < 5) return this.events.lost(said ?? condition);
    this.events.removed(kRefusals[condition] ?? `The room refused to let you in: ${said ?? condition}.`);
  }

  private on_own_presence(occupant: Occupant): void {
    const { me, phase } = this.store.state;
    if (occupant.moderator && !me.moderator && phase === 'joined') this.store.announce('You are now a moderator.', 'shown');
    this.store.set_me({ moderator: occupant.moderator });
    if (phase === 'joined') return;
    // In the room again: whoever was there before will be shown anew by their own presence.
    const members = this.fresh;
    this.refused = 0;
    this.fresh = [];
    this.store.set({ phase: 'joined', notice: '', wrong_password: false, members });
    this.store.announce(`You are in the room ${this.store.state.room}, ${members.length ? `with ${members.map((m) => m.name).join(', ')}` : 'alone'}.`);
    this.events.entered(!members.length);
    void this.read_lock();
  }

  private on_member(occupant: Occupant): void {
    const known = this.store.state.members.find((m) => m.id === occupant.id);
    const member = {
      id: occupant.id, name: occupant.name || 'Guest', moderator: occupant.moderator, sources: occupant.sources,
      active: known?.active ?? true, quality: known?.quality, encrypted: occupant.encrypted,
    };
    if (this.store.state.phase !== 'joined') {
      this.fresh = [...this.fresh.filter((m) => m.id !== member.id), member];
      return;
    }
    if (!known) {
      this.store.set({ members: [...this.store.state.members, member] });
      return this.store.announce(`${member.name} joined.`, 'shown');
    }
    if (shares(member) && !shares(known)) this.store.announce(`${member.name} shares a screen.`);
    if (muted(member) !== muted(known)) this.store.announce(`${member.name} is ${muted(member) ? 'muted' : 'not muted any more'}.`);
    this.store.set_member(occupant.id, member);
  }

  private on_left(occupant: Occupant): void {
    this.fresh = this.fresh.filter((m) => m.id !== occupant.id);
    const name = this.name_of(occupant.id);
    if (name === undefined) return;
    const tracks = Object.fromEntries(Object.entries(this.store.state.tracks).filter(([, t]) => t.source.owner !== occupant.id));
    this.store.set({ members: this.store.state.members.filter((m) => m.id !== occupant.id), tracks });
    this.events.left(occupant.id);
    this.store.announce(occupant.codes.includes(307) ? `${name} was removed by a moderator.` : `${name} left.`, 'shown');
  }

  private on_removed(occupant: Occupant): void {
    if (occupant.codes.includes(307)) {
      const by = this.name_of(occupant.actor);
      return this.events.removed(by ? `${by} removed you from the room.` : occupant.reason || 'A moderator removed you from the room.');
    }
    if (occupant.destroyed) return this.events.removed('The meeting was ended for everybody.');
    if (this.store.state.phase === 'joined') this.events.lost('the room let us go');
  }

  private on_focus(occupant: Occupant, gone: boolean): void {
    if (!gone) {
      // Anybody may take a nick; only the real JID says who conducts.
      if (this.focus_jid && occupant.jid?.split('/')[0] !== this.focus_jid) return;
      this.focus_seen = true;
      if (this.store.state.bridge_missing !== occupant.bridge_missing) this.store.set({ bridge_missing: occupant.bridge_missing });
      return;
    }
    if (!this.focus_seen) return;
    this.focus_seen = false;
    this.store.announce('The conference server is being restarted.');
    this.events.focus_gone();
  }

  private async read_lock(): Promise<void> {
    if (!this.stream) return;
    try {
      this.store.set({ locked: is_locked(await this.stream.iq('get', this.jid, el('query', { xmlns: NS.disco_info }))) });
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error; // a room that tells nothing about itself stays as it was shown
    }
  }
}

const muted = (m: Member) => m.sources[`${m.id}-a0`]?.muted ?? true;
const shares = (m: Member) => Object.values(m.sources).some((s) => s.video_type === 'desktop' && !s.muted);

/** The bare JID and the nick. */
export const split_jid = (jid: string | null): [string, string] => {
  const at = (jid ?? '').indexOf('/');
  return at < 0 ? [jid ?? '', ''] : [jid!.slice(0, at), jid!.slice(at + 1)];
};
