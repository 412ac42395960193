// A meeting: the stream, the room, the media session and the bridge channel, held together and brought back when lost.
import type { Shown } from './bridge/constraints';
import { BridgeLink } from './bridge/link';
import type { Deployment } from './config';
import { MediaLink } from './jingle/media_link';
import { source_name } from './jingle/messages';
import type { Session } from './jingle/session';
import type { Chosen } from './media/devices';
import { EndToEnd } from './media/end_to_end';
import { OwnMedia, type Wish } from './media/own';
import { NS } from './namespaces';
import { Store } from './state';
import { child } from './xml';
import { Stream, StanzaError } from './xmpp/connection';
import { request_conference } from './xmpp/conference_request';
import { can_red, disco_answer, features } from './xmpp/disco';
import { make_endpoint_id } from './xmpp/muc';
import { Room, split_jid } from './xmpp/room';

export interface JoinWish extends Wish { room: string; name: string }
export interface Step { name: string; at: number }

const kLongestRetry = 15_000;
const kFatal = ['not-authorized', 'forbidden', 'not-allowed', 'bad-request', 'item-not-found'];

export class Conference {
  readonly store = new Store();
  /** When what happened, in ms since the join began: for `make bench-join` and the engineers' overlay. */
  steps: Step[] = [];

  private room!: Room; // since the first join
  private end_to_end!: EndToEnd; // likewise
  private stream?: Stream;
  private generation = 0; // of the stream: what an older one says no longer counts
  private retry = 0;
  private retry_timer?: ReturnType<typeof setTimeout>;
  private began = 0;
  private joined_once = false;
  private readonly features: string[];
  private readonly own: OwnMedia;
  private readonly link: BridgeLink;
  private readonly media: MediaLink;

  constructor(private deployment: Deployment) {
    this.features = features({ sctp: deployment.prefer_sctp, rewriting: deployment.rewriting, red: deployment.red && can_red() });
    this.own = new OwnMedia(this.store, {
      height: deployment.height,
      send: (which, track) => this.media.set_track(which, track),
      changed: (which) => {
        this.room.publish();
        if (which !== 'microphone') this.link.tell_video_types();
      },
    });
    this.link = new BridgeLink(this.store, {
      prefer_sctp: deployment.prefer_sctp,
      step: (name) => this.step(name),
      video_types: () => Object.fromEntries((['camera', 'screen'] as const).map((w) => [source_name(this.room.endpoint, w), this.own.video_type(w)])),
      mapped: (sources) => this.media.map_sources(sources),
    });
    this.media = new MediaLink(this.store, {
      endpoint: () => this.room.endpoint,
      // Sealed, redundant audio could not be taken apart for those who do not take it.
      // What is sealed has to look like VP8 to packetisers: those of other codecs read further than its clear bytes.
      sending: () => ({ ...deployment.sending, ...(this.end_to_end.on ? { codec: 'VP8', plain_audio: true } : {}) }),
      addresses: () => ({ own: this.room.own_address, focus: this.room.focus_address }),
      ask_focus: (type, payload) => this.stream?.iq(type, this.room.focus_address, payload) ?? Promise.reject(new Error('no stream')),
      invite_focus: () => this.invite_again(),
      own_tracks: () => this.own.all,
      start_muted: (what) => this.start_muted(what),
      streams: (pc) => this.end_to_end.apply(pc),
      began: (session) => this.link.attach(session),
      accepted: () => this.room.publish(),
      ended: () => this.link.close(),
      step: (name) => this.step(name),
    }, (quality) => this.link.tell_quality(quality));
    window.addEventListener('offline', () => this.store.set({ offline: true }));
    window.addEventListener('online', () => {
      this.store.set({ offline: false });
      this.reconnect_now();
      void this.media.restart_ice(); // another network, as a rule: packets need another way, the session stays
    });
    window.addEventListener('pagehide', () => this.leave());
  }

  get camera_height(): number {
    return this.deployment.height;
  }

  // ---- what a person does

  async join(wish: JoinWish): Promise<void> {
    this.began = performance.now();
    this.steps = [];
    this.retry = 0;
    this.joined_once = false;
    this.room = new Room(`${wish.room}@${this.deployment.muc}`, wish.name, this.features, this.store, {
      entered: (alone) => this.on_entered(alone),
      removed: (why) => this.on_removed(why),
      lost: (why) => this.on_lost(why),
      left: (endpoint) => this.media.forget(endpoint),
      focus_gone: () => void setTimeout(() => void this.invite_again(), 500), // the media may well flow on without it
      sources: (endpoint) => this.own.source_states(endpoint),
    });
    this.end_to_end = new EndToEnd(this.room.jid, (track, readable) => this.on_readable(track, readable));
    this.store.set({ phase: 'joining', notice: '', room: wish.room });
    this.store.set_me({ name: wish.name });
    this.own.begin(wish);
    this.step('join clicked');
    await this.connect();
  }

  give_password(password: string): void {
    this.room.password = password;
    this.store.set({ phase: 'joining', wrong_password: false });
    void this.room.enter();
  }

  leave(notice = ''): void {
    if (this.store.state.phase === 'ended' || this.store.state.phase === 'idle') return;
    this.media.terminate();
    this.room.leave();
    this.stream?.close();
    this.end(notice);
  }

  set_audio_muted = (muted: boolean): Promise<void> => this.own.set_audio_muted(muted);
  set_video_muted = (muted: boolean): Promise<void> => this.own.set_video_muted(muted);
  set_sharing = (sharing: boolean): Promise<void> => this.own.set_sharing(sharing);
  choose_devices = (chosen: Chosen): Promise<void> => this.own.choose(chosen);
  say = (text: string): void => this.room.say(text);
  set_password = (password: string): Promise<void> => this.room.set_password(password);
  /** Seals and opens frames with a key made of the password; an empty one ends that. */
  async set_encryption(password: string): Promise<void> {
    const was_on = this.end_to_end.on;
    await this.end_to_end.set_password(password);
    this.store.set({ encrypted: this.end_to_end.on, unreadable: [] });
    if (this.end_to_end.on !== was_on) this.media.renew();
    this.room.publish();
    this.store.announce(password ? 'What you send is now encrypted end to end.' : 'What you send is no longer encrypted end to end.', 'shown');
  }
  kick = (id: string): Promise<void> => this.room.kick(id);
  mute_other = (id: string, what: 'audio' | 'video' | 'desktop'): Promise<void> => this.room.mute_other(id, what);
  /** What is on screen now, for the bridge. */
  set_shown = (shown: Shown[]): void => this.link.set_shown(shown);
  dismiss = (): void => this.store.set({ notice: '' });

  /** Not waiting for the next attempt. */
  reconnect_now(): void {
    if (this.store.state.phase !== 'reconnecting' || this.stream) return;
    clearTimeout(this.retry_timer);
    void this.connect();
  }

  first_frame(): void {
    if (!this.steps.some((s) => s.name === 'first remote frame')) this.step('first remote frame');
  }

  // ---- for tests and engineers

  get session(): Session | undefined {
    return this.media.session;
  }
  restart_ice(): Promise<boolean> {
    return this.media.restart_ice();
  }
  get channel() {
    return this.link.channel;
  }
  get report() {
    return this.media.report;
  }
  get shown(): Shown[] {
    return this.link.shown;
  }
  cut_stream(): void {
    this.stream?.abort('cut');
  }

  // ---- the stream

  private async connect(): Promise<void> {
    const generation = ++this.generation;
    const current = () => generation === this.generation;
    // By HTTP the focus can come while the stream opens; by IQ it needs the stream.
    const invited = this.deployment.conference_request_url ? this.invite_focus() : undefined;
    invited?.catch(() => undefined); // looked at below
    try {
      const { websocket } = this.deployment;
      const url = `${websocket}${websocket.includes('?') ? '&' : '?'}room=${encodeURIComponent(this.store.state.room)}`;
      const stream = await Stream.connect(url, this.deployment.login_domain, {
        closed: (reason) => current() && this.on_lost(reason),
        presence: (s) => current() && this.room.on_presence(s),
        message: (s) => current() && this.room.on_message(s),
        iq: (s) => this.on_iq(s),
      });
      if (!current()) return stream.close();
      this.stream = stream;
      this.step('stream open');
      await (invited ?? this.invite_focus());
      if (!current()) return;
      this.step('conference ready');
      await this.room.enter_anew(stream);
    } catch (error) {
      if (!current()) return;
      if (error instanceof StanzaError && kFatal.includes(error.condition)) return this.end(`The meeting could not be opened: ${error.message}.`);
      this.on_lost((error as Error).message);
    }
  }

  private async invite_focus(): Promise<void> {
    const generation = this.generation;
    const { focus, conference_request_url: url } = this.deployment;
    const answer = await request_conference(
      { stream: this.stream, focus, url, room: this.room.jid, machine: machine_id() },
      () => generation === this.generation && this.store.state.phase !== 'ended');
    this.room.focus_jid = answer.focus_jid;
  }

  /** A focus that comes back invites us anew. */
  private invite_again(): Promise<void> {
    return this.invite_focus().catch((e: Error) => console.warn('tacoma: no focus:', e.message));
  }

  private on_lost(reason: string): void {
    if (this.store.state.phase === 'ended') return;
    ++this.generation;
    this.stream?.close();
    this.stream = undefined;
    const wait = Math.min(1_000 * 2 ** this.retry++, kLongestRetry);
    if (this.joined_once) {
      if (this.store.state.phase !== 'reconnecting') this.store.announce('The connection is lost. Trying to come back.');
      this.store.set({ phase: 'reconnecting', notice: '' });
    } else if (this.retry > 3) {
      return this.end(`The server cannot be reached: ${reason}.`);
    }
    clearTimeout(this.retry_timer);
    this.retry_timer = setTimeout(() => void this.connect(), wait);
  }


  // ---- what the room and the focus say

  private on_entered(alone: boolean): void {
    this.retry = 0;
    this.joined_once = true;
    this.step('room joined');
    if (alone) this.media.drop(); // what is left of a session from before a loss is over
    this.media.start_sampling();
  }

  private on_removed(why: string): void {
    this.stream?.close();
    this.end(why);
  }

  private on_iq(request: Element): Element | undefined {
    if (child(request, 'query', NS.disco_info)) return disco_answer(request, this.features);
    if (child(request, 'ping', NS.ping)) return undefined;
    const [room, nick] = split_jid(request.getAttribute('from'));
    const from_focus = room === this.room.jid && nick === 'focus';
    const jingle = child(request, 'jingle', NS.jingle);
    if (jingle) {
      if (!from_focus || !this.room.focus_seen) throw new StanzaError('not-acceptable', 'cancel', 'only the focus makes sessions with us');
      return this.media.on_jingle(jingle);
    }
    for (const [what, ns] of [['audio', NS.mute_audio], ['video', NS.mute_video], ['desktop', NS.mute_desktop]] as const)
      if (child(request, 'mute', ns)) {
        if (!from_focus) throw new StanzaError('forbidden', 'auth', 'only the focus mutes');
        this.on_muted(what, child(request, 'mute', ns)!);
        return undefined;
      }
    throw new StanzaError('service-unavailable', 'cancel');
  }

  private on_muted(what: 'audio' | 'video' | 'desktop', mute: Element): void {
    if (mute.textContent !== 'true') return; // nobody else opens our microphone
    const by = this.room.name_of(split_jid(mute.getAttribute('actor'))[1]) ?? 'A moderator';
    const notice = `${by} turned off your ${{ audio: 'microphone', video: 'camera', desktop: 'screen share' }[what]}.`;
    this.store.set({ notice });
    this.store.announce(notice);
    void (what === 'audio' ? this.set_audio_muted(true) : what === 'video' ? this.set_video_muted(true) : this.set_sharing(false));
  }

  private on_readable(track: string, readable: boolean): void {
    const others = this.store.state.unreadable.filter((t) => t !== track);
    this.store.set({ unreadable: readable ? others : [...others, track] });
  }

  private start_muted(what: { audio: boolean; video: boolean }): void {
    const { me } = this.store.state;
    if (what.audio && !me.audio_muted) void this.set_audio_muted(true);
    if (what.video && !me.video_muted) void this.set_video_muted(true);
  }

  private step(name: string): void {
    if (this.steps.length < 200) this.steps.push({ name, at: Math.round((performance.now() - this.began) * 10) / 10 });
  }

  private end(notice: string): void {
    ++this.generation;
    clearTimeout(this.retry_timer);
    this.media.end();
    this.own.stop();
    void this.end_to_end.set_password('');
    this.store.set({ phase: 'ended', encrypted: false, unreadable: [], notice, members: [], chat: [], chat_heard: 0, locked: false });
    this.store.announce(notice || 'You left the room.');
  }
}

/** Only for the focus's books: a random name of this browser. */
function machine_id(): string {
  const key = 'tacoma.machine';
  try {
    const known = localStorage.getItem(key);
    if (known) return known;
    const made = Array.from({ length: 4 }, make_endpoint_id).join('');
    localStorage.setItem(key, made);
    return made;
  } catch {
    return make_endpoint_id();
  }
}
