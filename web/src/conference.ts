// A meeting: the stream, the room, the media session and the bridge channel, held together and brought back when lost.
import { BridgeChannel } from './bridge/channel';
import { constraints_for, type Shown } from './bridge/constraints';
import { to_bridge, type FromBridge } from './bridge/messages';
import type { Deployment } from './config';
import { parse_offer } from './jingle/offer';
import { Session, type MediaState, type Own } from './jingle/session';
import { parse_sources } from './jingle/sources';
import { session_ping, source_name } from './jingle/messages';
import { open_camera, open_microphone, open_screen } from './media/devices';
import { quality_of, StatsReader, type Quality, type Report } from './media/stats';
import { NS } from './namespaces';
import { Store, type Member, type RemoteTrack } from './state';
import { Stream, StanzaError } from './xmpp/connection';
import { request_conference } from './xmpp/conference_request';
import { caps, disco_answer, features } from './xmpp/disco';
import {
  chat_message, is_locked, kick, make_endpoint_id, mute_order, parse_presence, password_form, write_presence, type Occupant, type SourceState,
} from './xmpp/muc';
import { child, el, text_of } from './xml';

export interface JoinWish {
  room: string;
  name: string;
  microphone: MediaStreamTrack | null;
  camera: MediaStreamTrack | null;
  microphone_device?: string;
  camera_device?: string;
}
export interface Step { name: string; at: number }

const kMaxChat = 500;
const kAskFocusEvery = 5; // samples
const kSampleEvery = 2_000;
const kRestartPause = 6_000; // the focus wants 5 s between two restarts
const kRestartAttempts = 10;
const kLongestRetry = 15_000;

export class Conference {
  readonly store = new Store();
  /** When what happened, in ms since the join began: for `make bench-join` and the engineers' overlay. */
  steps: Step[] = [];
  report?: Report;
  session?: Session;
  channel?: BridgeChannel;

  private wish!: JoinWish;
  private stream?: Stream;
  private generation = 0; // of the stream: what an older one says no longer counts
  private retry = 0;
  private retry_timer?: ReturnType<typeof setTimeout>;
  private sample_timer?: ReturnType<typeof setInterval>;
  private restart_timer?: ReturnType<typeof setTimeout>;
  private constraints_timer?: ReturnType<typeof setTimeout>;
  private last_restart = -Infinity;
  private began = 0;
  private endpoint = '';
  private focus_jid = '';
  private focus_seen = false;
  private password = '';
  private joined_once = false;
  private own: Partial<Record<Own, MediaStreamTrack | null>> = {};
  private shown: Shown[] = [];
  private stats = new StatsReader();
  private samples = 0;
  private properties: Record<string, string> = {};
  private seen_sids = new Set<string>();
  private fresh_members: Member[] = []; // seen before our own presence, which comes last

  constructor(private deployment: Deployment) {
    window.addEventListener('online', () => this.store.state.phase === 'reconnecting' && this.reconnect_now());
    window.addEventListener('pagehide', () => this.leave());
  }

  // ---- what a person does

  async join(wish: JoinWish): Promise<void> {
    this.wish = wish;
    this.began = performance.now();
    this.steps = [];
    this.own = { microphone: wish.microphone, camera: wish.camera, screen: null };
    this.store.set({
      phase: 'joining', notice: '', room: wish.room,
      own_microphone: wish.microphone ?? undefined, own_camera: wish.camera ?? undefined,
      me: { ...this.store.state.me, name: wish.name, audio_muted: !wish.microphone, video_muted: !wish.camera },
    });
    this.step('join clicked');
    await this.connect();
  }

  give_password(password: string): void {
    this.password = password;
    this.store.set({ phase: 'joining', wrong_password: false });
    this.enter();
  }

  leave(notice = ''): void {
    if (this.store.state.phase === 'ended' || this.store.state.phase === 'idle') return;
    const { session, stream } = this;
    this.session = undefined;
    if (session) session.terminate('success', false).catch(() => undefined);
    stream?.send(el('presence', { xmlns: NS.client, to: this.own_address, type: 'unavailable' }));
    stream?.close();
    this.end(notice);
  }

  async set_audio_muted(muted: boolean): Promise<void> {
    if (!muted && this.own.microphone?.readyState !== 'live') {
      const track = await this.try_open(() => open_microphone(this.wish.microphone_device));
      if (!track) return;
      await this.put('microphone', track);
    }
    if (this.own.microphone) this.own.microphone.enabled = !muted;
    this.store.set_me({ audio_muted: muted });
    this.publish();
  }

  /** A muted camera is closed: its light goes out. */
  async set_video_muted(muted: boolean): Promise<void> {
    if (muted) {
      this.own.camera?.stop();
      await this.put('camera', null);
    } else {
      const track = await this.try_open(() => open_camera(this.wish.camera_device, this.deployment.height));
      if (!track) return;
      await this.put('camera', track);
    }
    this.store.set_me({ video_muted: muted });
    this.publish();
    this.channel?.send(to_bridge.video_type(source_name(this.endpoint, 'camera'), muted ? 'none' : 'camera'));
  }

  async set_sharing(sharing: boolean): Promise<void> {
    if (sharing) {
      const track = await this.try_open(open_screen);
      if (!track) return;
      track.onended = () => void this.set_sharing(false);
      await this.put('screen', track);
    } else {
      this.own.screen?.stop();
      await this.put('screen', null);
    }
    this.store.set_me({ sharing });
    this.publish();
    this.channel?.send(to_bridge.video_type(source_name(this.endpoint, 'screen'), sharing ? 'desktop' : 'none'));
  }

  say(text: string): void {
    const body = text.trim();
    if (body) this.stream?.send(chat_message(this.room_jid, body, `c${Date.now()}-${Math.round(performance.now())}`));
  }

  async set_password(password: string): Promise<void> {
    await this.stream?.iq('set', this.room_jid, password_form(password));
    this.password = password;
    this.announce(password ? 'The room now has a password.' : 'The room is open again.');
    await this.read_lock();
  }

  async kick(id: string): Promise<void> {
    await this.stream?.iq('set', this.room_jid, kick(id, 'A moderator removed you from the room.'));
  }

  async mute_other(id: string, what: 'audio' | 'video' | 'desktop'): Promise<void> {
    await this.stream?.iq('set', `${this.room_jid}/focus`, mute_order(what, `${this.room_jid}/${id}`));
  }

  /** What is on screen now; told to the bridge a moment later, so that a moving layout does not flood it. */
  set_shown(shown: Shown[]): void {
    this.shown = shown;
    clearTimeout(this.constraints_timer);
    this.constraints_timer = setTimeout(() => this.tell_constraints(), 150);
  }

  /** For tests and engineers. */
  cut_stream(): void {
    this.stream?.abort('cut');
  }

  first_frame(): void {
    if (!this.steps.some((s) => s.name === 'first remote frame')) this.step('first remote frame');
  }

  dismiss(): void {
    this.store.set({ notice: '' });
  }

  // ---- the stream and the room

  private get room_jid(): string {
    return `${this.wish.room}@${this.deployment.muc}`;
  }
  private get own_address(): string {
    return `${this.room_jid}/${this.endpoint}`;
  }

  private async connect(): Promise<void> {
    const generation = ++this.generation;
    const current = () => generation === this.generation;
    // By HTTP the focus can come while the stream opens; by IQ it needs the stream.
    const invited = this.deployment.conference_request_url ? this.invite_focus() : undefined;
    invited?.catch(() => undefined); // looked at below
    try {
      const url = `${this.deployment.websocket}${this.deployment.websocket.includes('?') ? '&' : '?'}room=${encodeURIComponent(this.wish.room)}`;
      const stream = await Stream.connect(url, this.deployment.login_domain, {
        closed: (reason) => current() && this.on_lost(reason),
        presence: (s) => current() && this.on_presence(s),
        message: (s) => current() && this.on_message(s),
        iq: (s) => this.on_iq(s),
      });
      if (!current()) return stream.close();
      this.stream = stream;
      this.step('stream open');
      await (invited ?? this.invite_focus());
      if (!current()) return;
      this.step('conference ready');
      this.endpoint = make_endpoint_id();
      this.store.set_me({ id: this.endpoint });
      await this.enter();
    } catch (error) {
      if (!current()) return;
      const fatal = error instanceof StanzaError && ['not-authorized', 'forbidden', 'not-allowed', 'bad-request', 'item-not-found'].includes(error.condition);
      if (fatal) return this.end(`The meeting could not be opened: ${error.message}.`);
      this.on_lost((error as Error).message);
    }
  }

  private async invite_focus(): Promise<void> {
    const generation = this.generation;
    const answer = await request_conference(
      {
        stream: this.stream, focus: this.deployment.focus, url: this.deployment.conference_request_url,
        room: this.room_jid, machine: machine_id(),
      },
      () => generation === this.generation && this.store.state.phase !== 'ended');
    this.focus_jid = answer.focus_jid;
  }

  private async enter(): Promise<void> {
    const presence = write_presence(this.own_address, { ...(await this.presence_now()), password: this.password || undefined }, true);
    this.stream?.send(presence);
  }

  private async presence_now() {
    return {
      name: this.wish.name, sources: this.source_states(), codecs: 'vp8',
      caps: await caps(features(this.deployment.prefer_sctp)),
    };
  }

  private source_states(): Record<string, SourceState> {
    const { me } = this.store.state;
    return {
      [source_name(this.endpoint, 'microphone')]: { muted: me.audio_muted },
      [source_name(this.endpoint, 'camera')]: { muted: me.video_muted },
      ...(me.sharing ? { [source_name(this.endpoint, 'screen')]: { muted: false, video_type: 'desktop' as const } } : {}),
    };
  }

  private publish(): void {
    if (this.store.state.phase === 'joined') void this.presence_now().then((own) => this.stream?.send(write_presence(this.own_address, own, false)));
  }

  private on_lost(reason: string): void {
    if (this.store.state.phase === 'ended') return;
    ++this.generation;
    this.stream?.close();
    this.stream = undefined;
    const wait = Math.min(1_000 * 2 ** this.retry++, kLongestRetry);
    if (this.joined_once || this.store.state.phase === 'reconnecting') {
      this.store.set({ phase: 'reconnecting', notice: '' });
      this.announce('The connection is lost. Trying to come back.');
    } else if (this.retry > 3) {
      return this.end(`The server cannot be reached: ${reason}.`);
    }
    clearTimeout(this.retry_timer);
    this.retry_timer = setTimeout(() => this.reconnect_now(), wait);
  }

  private reconnect_now(): void {
    clearTimeout(this.retry_timer);
    void this.connect();
  }

  private on_presence(presence: Element): void {
    const from = presence.getAttribute('from') ?? '';
    if (from.split('/')[0] !== this.room_jid) return;
    if (presence.getAttribute('type') === 'error') return this.on_refused(presence);
    const occupant = parse_presence(presence);
    const gone = presence.getAttribute('type') === 'unavailable';
    const self = occupant.id === this.endpoint || occupant.codes.includes(110);
    if (self) return gone ? this.on_removed(occupant) : this.on_own_presence(occupant);
    if (occupant.id === 'focus') return this.on_focus(occupant, gone);
    gone ? this.on_left(occupant) : this.on_member(occupant);
  }

  private on_refused(presence: Element): void {
    const error = child(presence, 'error')!;
    const condition = Array.from(error.children).find((c) => c.namespaceURI === NS.stanzas && c.localName !== 'text')?.localName;
    if (condition === 'not-authorized') {
      this.store.set({ phase: 'password', wrong_password: !!this.password });
      return;
    }
    if (condition === 'conflict') {
      this.endpoint = make_endpoint_id();
      this.store.set_me({ id: this.endpoint });
      return void this.enter();
    }
    const said = text_of(error, 'text');
    const sentences: Record<string, string> = {
      'registration-required': 'Only invited people may enter this room.',
      'forbidden': 'You may not enter this room.',
      'service-unavailable': 'The room is full.',
    };
    // The room may be about to be made anew: item-not-found and not-allowed pass.
    if ((condition === 'item-not-found' || condition === 'not-allowed') && this.retry < 5) return this.on_lost(said ?? condition);
    this.end(sentences[condition ?? ''] ?? `The room refused to let you in: ${said ?? condition}.`);
  }

  private on_own_presence(occupant: Occupant): void {
    const { me, phase } = this.store.state;
    if (occupant.moderator && !me.moderator && phase === 'joined') this.announce('You are now a moderator.');
    this.store.set_me({ moderator: occupant.moderator });
    if (phase === 'joined') return;
    // In the room again: whoever was there before will be shown anew by their own presence.
    this.retry = 0;
    this.joined_once = true;
    this.store.set({ phase: 'joined', notice: '', wrong_password: false, members: this.fresh_members });
    this.step('room joined');
    if (!this.fresh_members.length) this.drop_session(); // alone: what is left of a session from before a loss is over
    this.announce(`You are in the room ${this.wish.room}.`);
    this.fresh_members = [];
    this.sample_timer ??= setInterval(() => void this.sample(), kSampleEvery);
    void this.read_lock();
  }

  private on_member(occupant: Occupant): void {
    const known = this.store.state.members.find((m) => m.id === occupant.id);
    const member = {
      id: occupant.id, name: occupant.name || 'Guest', moderator: occupant.moderator, sources: occupant.sources,
      active: known?.active ?? true, quality: known?.quality,
    };
    if (this.store.state.phase !== 'joined') {
      this.fresh_members = [...this.fresh_members.filter((m) => m.id !== member.id), member];
      return;
    }
    if (known) return this.store.set_member(occupant.id, member);
    this.store.set({ members: [...this.store.state.members, member] });
    this.announce(`${member.name} joined.`);
  }

  private on_left(occupant: Occupant): void {
    this.fresh_members = this.fresh_members.filter((m) => m.id !== occupant.id);
    const member = this.store.state.members.find((m) => m.id === occupant.id);
    if (!member) return;
    const tracks = Object.fromEntries(Object.entries(this.store.state.tracks).filter(([, t]) => t.source.owner !== occupant.id));
    this.store.set({ members: this.store.state.members.filter((m) => m.id !== occupant.id), tracks });
    this.announce(occupant.codes.includes(307) ? `${member.name} was removed by a moderator.` : `${member.name} left.`);
  }

  private on_removed(occupant: Occupant): void {
    if (occupant.codes.includes(307)) {
      const by = this.store.state.members.find((m) => m.id === occupant.actor)?.name;
      return this.leave_after_removal(by ? `${by} removed you from the room.` : occupant.reason || 'A moderator removed you from the room.');
    }
    if (occupant.destroyed) return this.leave_after_removal('The meeting was ended for everybody.');
    if (this.store.state.phase === 'joined') this.on_lost('the room let us go');
  }

  private leave_after_removal(notice: string): void {
    this.stream?.close();
    this.end(notice);
  }

  private on_focus(occupant: Occupant, gone: boolean): void {
    this.properties = { ...this.properties, ...occupant.properties };
    if (!gone) {
      // Anybody may take a nick; only the real JID says who conducts.
      if (this.focus_jid && occupant.jid?.split('/')[0] !== this.focus_jid) return;
      this.focus_seen = true;
      if (this.store.state.bridge_missing !== occupant.bridge_missing) this.store.set({ bridge_missing: occupant.bridge_missing });
      return;
    }
    if (!this.focus_seen) return;
    this.focus_seen = false;
    // The media may well flow on without it; a focus that comes back invites us anew.
    this.announce('The conference server is being restarted.');
    setTimeout(() => void this.invite_focus().catch((e: Error) => console.warn('tacoma: no focus:', e.message)), 500);
  }

  private on_message(message: Element): void {
    const [room, nick] = split_jid(message.getAttribute('from'));
    if (room !== this.room_jid || message.getAttribute('type') === 'error') return;
    const x = child(message, 'x', NS.muc_user);
    if (x && Array.from(x.children).some((c) => c.getAttribute('code') === '104')) void this.read_lock();
    const text = text_of(message, 'body');
    if (!text || !nick) return;
    const mine = nick === this.endpoint;
    const name = mine ? this.wish.name || 'You' : this.store.state.members.find((m) => m.id === nick)?.name ?? 'Guest';
    const stamp = child(message, 'delay', 'urn:xmpp:delay')?.getAttribute('stamp');
    const line = {
      id: message.getAttribute('id') ?? `${Date.now()}`, from: nick, name, text, mine, at: (stamp && Date.parse(stamp)) || Date.now(),
    };
    const { chat } = this.store.state;
    if (chat.some((c) => c.id === line.id && c.from === nick)) return; // told again after a re-join
    this.store.set({ chat: [...chat, line].slice(-kMaxChat) });
  }

  private async read_lock(): Promise<void> {
    try {
      this.store.set({ locked: is_locked(await this.stream!.iq('get', this.room_jid, el('query', { xmlns: NS.disco_info }))) });
    } catch {
      // A room that tells nothing about itself stays as it was shown.
    }
  }

  // ---- requests to us

  private on_iq(request: Element): Element | undefined {
    if (child(request, 'query', NS.disco_info)) return disco_answer(request, features(this.deployment.prefer_sctp));
    if (child(request, 'ping', NS.ping)) return undefined;
    const [room, nick] = split_jid(request.getAttribute('from'));
    const from_focus = room === this.room_jid && nick === 'focus';
    const jingle = child(request, 'jingle', NS.jingle);
    if (jingle) {
      if (!from_focus || !this.focus_seen) throw new StanzaError('not-acceptable', 'cancel', 'only the focus makes sessions with us');
      return this.on_jingle(jingle);
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
    const actor = split_jid(mute.getAttribute('actor'))[1];
    const by = this.store.state.members.find((m) => m.id === actor)?.name ?? 'A moderator';
    const thing = { audio: 'microphone', video: 'camera', desktop: 'screen share' }[what];
    this.store.set({ notice: `${by} turned off your ${thing}.` });
    this.announce(`${by} turned off your ${thing}.`);
    if (what === 'audio') void this.set_audio_muted(true);
    else if (what === 'video') void this.set_video_muted(true);
    else void this.set_sharing(false);
  }

  private on_jingle(jingle: Element): undefined {
    const action = jingle.getAttribute('action');
    const sid = jingle.getAttribute('sid') ?? '';
    if (action === 'session-initiate') {
      if (this.seen_sids.has(sid)) throw new StanzaError('service-unavailable', 'cancel', 'this session was offered before');
      return this.start_session(jingle, sid);
    }
    if (!this.session || this.session.offer.sid !== sid) throw new StanzaError('item-not-found', 'cancel', 'no such session');
    const session = this.session;
    switch (action) {
      case 'source-add':
        void this.careful(session, session.add_sources(parse_sources(jingle)));
        return undefined;
      case 'source-remove':
        void this.careful(session, session.remove_sources(parse_sources(jingle)));
        return undefined;
      case 'session-terminate':
        this.step('session ended');
        this.drop_session();
        return undefined;
      case 'session-info':
      case 'transport-info':
        return undefined;
      default:
        throw new StanzaError('bad-request', 'modify', `no such action: ${action}`);
    }
  }

  // ---- media

  private start_session(jingle: Element, sid: string): undefined {
    const offer = parse_offer(jingle);
    this.step('offer received');
    this.seen_sids.add(sid);
    this.drop_session();
    const { me } = this.store.state;
    if (offer.start_muted.audio && !me.audio_muted) void this.set_audio_muted(true);
    if (offer.start_muted.video && !me.video_muted) void this.set_video_muted(true);
    const session: Session = new Session(
      offer,
      {
        endpoint: this.endpoint,
        initiator: jingle.getAttribute('initiator') ?? `${this.room_jid}/focus`,
        responder: this.own_address,
        send: (message) => this.stream ? this.stream.iq('set', `${this.room_jid}/focus`, message) : Promise.reject(new Error('no stream')),
      },
      { ...this.own },
      {
        track: (source, track) => this.session === session && this.on_track(source.name, track ? { source, track } : undefined),
        media: (state) => this.session === session && this.on_media(state),
        step: (name) => this.step(name),
      },
      []);
    this.session = session;
    this.stats = new StatsReader();
    this.store.set({ media: 'connecting', bridge_missing: false });
    this.open_channel(session);
    void this.careful(session, session.accept().then(() => this.publish()));
    return undefined;
  }

  private open_channel(session: Session): void {
    const channel: BridgeChannel = new BridgeChannel({
      state: (state) => {
        if (this.channel !== channel && state !== 'none') return;
        this.store.set({ channel: state });
        if (state === 'open') this.on_channel_open();
      },
      message: (m) => this.channel === channel && this.on_bridge(m),
    });
    this.channel = channel;
    const url = session.offer.transport.web_sockets[0];
    if (session.channel && (this.deployment.prefer_sctp || !url)) channel.use_data_channel(session.channel);
    else if (url) channel.open_socket(url);
  }

  private on_channel_open(): void {
    this.step('channel open');
    this.tell_constraints();
    const { me } = this.store.state;
    this.channel?.send(to_bridge.video_type(source_name(this.endpoint, 'camera'), me.video_muted ? 'none' : 'camera'));
    if (me.sharing) this.channel?.send(to_bridge.video_type(source_name(this.endpoint, 'screen'), 'desktop'));
  }

  private tell_constraints(): void {
    this.channel?.send(to_bridge.constraints(constraints_for(this.shown)));
  }

  private on_bridge(m: FromBridge): void {
    switch (m.kind) {
      case 'dominant': return this.store.set({ dominant: m.endpoint || undefined });
      case 'connectivity': return this.store.set_member(m.endpoint, { active: m.active });
      case 'forwarded': return this.store.set({ forwarded: m.sources });
      case 'bandwidth': return this.store.set({ downlink_bps: m.bps });
      case 'send_at_most': return void this.session?.limit_height(m.source, m.height).catch(() => undefined);
      case 'stats': {
        const percent = Number(m.stats.connectionQuality);
        if (Number.isFinite(percent)) this.store.set_member(m.from, { quality: Math.max(0, Math.min(3, Math.round(percent / 33.4))) as Quality });
        return;
      }
    }
  }

  private on_track(name: string, remote: RemoteTrack | undefined): void {
    const tracks = { ...this.store.state.tracks };
    if (remote) tracks[name] = remote;
    else delete tracks[name];
    this.store.set({ tracks });
  }

  private on_media(state: MediaState): void {
    this.store.set({ media: state });
    if (state === 'connected') this.announce('Sound and picture are connected.');
    if (state === 'interrupted') this.announce('Sound and picture are interrupted.');
    if (state === 'failed') void this.ask_restart('connectivity-error');
  }

  /** Tells the focus, and asks it for a new session; it bears one each few seconds. */
  private async ask_restart(reason: string): Promise<void> {
    const session = this.session;
    if (!session) return;
    const wait = this.last_restart + kRestartPause - performance.now();
    clearTimeout(this.restart_timer);
    if (wait > 0) {
      this.restart_timer = setTimeout(() => void this.ask_restart(reason), wait);
      return;
    }
    this.last_restart = performance.now();
    this.step('restart asked');
    await session.tell_ice_failed().catch(() => undefined);
    if (this.session !== session) return; // invited anew in the meantime
    for (let attempt = 0; attempt < kRestartAttempts && this.session === session; ++attempt) {
      try {
        await session.terminate(reason, true);
        break;
      } catch (error) {
        // The focus bears only so many restarts a minute; any other refusal means that it has no such session any more.
        if (!['resource-constraint', 'timeout'].includes((error as StanzaError).condition)) break;
        await new Promise((done) => setTimeout(done, kRestartPause));
      }
    }
    if (this.session === session) this.drop_session();
  }

  /** A session that we cannot follow is given back, so that a new one makes it right. */
  private async careful(session: Session, work: Promise<unknown>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (this.session !== session) return;
      console.error('tacoma: the session could not be changed:', error);
      await this.ask_restart('failed-application');
    }
  }

  private drop_session(): void {
    clearTimeout(this.restart_timer);
    this.session?.close();
    this.session = undefined;
    const channel = this.channel;
    this.channel = undefined;
    channel?.close();
    this.store.set({ tracks: {}, media: 'waiting', channel: 'none', dominant: undefined, forwarded: undefined, speaking: [] });
    this.report = undefined;
  }

  private async put(which: Own, track: MediaStreamTrack | null): Promise<void> {
    this.own[which] = track;
    this.store.set({ [`own_${which}`]: track ?? undefined });
    await this.session?.set_track(which, track).catch((e: Error) => console.warn(`tacoma: ${which}:`, e.message));
  }

  private async try_open(open: () => Promise<MediaStreamTrack | undefined>): Promise<MediaStreamTrack | undefined> {
    try {
      return await open();
    } catch (error) {
      this.store.set({ notice: (error as Error).message });
      return undefined;
    }
  }

  private async sample(): Promise<void> {
    const { session } = this;
    if (!session || session.pc.connectionState === 'closed') return;
    const report = await this.stats.read(session.pc, session.lines, { endpoint: this.endpoint });
    if (this.session !== session) return;
    this.report = report;
    const quality = quality_of(report);
    if (quality !== this.store.state.me.quality) this.store.set_me({ quality });
    const speaking = report.rows.filter((r) => r.media === 'audio' && r.direction === 'in' && (r.audio_level ?? 0) > 0.02).map((r) => r.owner);
    if (speaking.join() !== this.store.state.speaking.join()) this.store.set({ speaking });
    if (this.samples % kAskFocusEvery === 0) void this.check_focus(session);
    if (++this.samples % 5 === 0) this.channel?.send(to_bridge.stats({ connectionQuality: Math.round((quality / 3) * 100) }));
  }

  /** A room does not see a component die and come back. One that has forgotten us is asked in again, and invites everybody anew. */
  private async check_focus(session: Session): Promise<void> {
    try {
      await this.stream?.iq('set', `${this.room_jid}/focus`, session_ping(session.offer));
    } catch (error) {
      if ((error as StanzaError).condition !== 'item-not-found' || this.session !== session) return;
      await this.invite_focus().catch((e: Error) => console.warn('tacoma: no focus:', e.message));
    }
  }

  private announce(announcement: string): void {
    this.store.set({ announcement });
  }

  private step(name: string): void {
    if (this.steps.length < 200) this.steps.push({ name, at: Math.round((performance.now() - this.began) * 10) / 10 });
  }

  private end(notice: string): void {
    ++this.generation;
    clearTimeout(this.retry_timer);
    clearInterval(this.sample_timer);
    this.sample_timer = undefined;
    this.drop_session();
    for (const track of Object.values(this.own)) track?.stop();
    this.own = {};
    this.store.set({
      phase: 'ended', notice, members: [], own_camera: undefined, own_screen: undefined, own_microphone: undefined,
      announcement: notice || 'You left the room.',
    });
  }
}

const split_jid = (jid: string | null): [string, string] => {
  const at = (jid ?? '').indexOf('/');
  return at < 0 ? [jid ?? '', ''] : [jid!.slice(0, at), jid!.slice(at + 1)];
};

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
