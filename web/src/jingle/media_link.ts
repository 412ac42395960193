// The media session: what the focus orders, and what brings the session back when its path or the focus is lost.
import { StatsReader, quality_of, type Report } from '../media/stats';
import type { RemoteTrack, Store } from '../state';
import { StanzaError } from '../xmpp/connection';
import { session_ping } from './messages';
import type { Sending } from './layers';
import { parse_offer, parse_restart } from './offer';
import { Session, type MediaState, type Own, type OwnTracks } from './session';
import { parse_sources, type Source } from './sources';

interface Host {
  endpoint(): string;
  /** How the next session is to send. */
  sending(): Sending;
  /** Our full address in the room, and that of the focus. */
  addresses(): { own: string; focus: string };
  /** Resolves with the focus's answer; rejects with a StanzaError. */
  ask_focus(type: 'set', payload: Element): Promise<unknown>;
  /** Asks the focus into the room again: it has forgotten it. */
  invite_focus(): Promise<void>;
  own_tracks(): OwnTracks;
  /** The offer wants us muted. */
  start_muted(what: { audio: boolean; video: boolean }): void;
  streams(pc: RTCPeerConnection): void;
  began(session: Session): void;
  accepted(): void;
  ended(): void;
  step(name: string): void;
}

const kSampleEvery = 2_000;
const kAskFocusEvery = 5; // samples
const kRestartPause = 6_000; // the focus wants 5 s between two restarts
const kRestartAttempts = 10;
const kIceRestartPatience = 4_000; // then a new session is asked for

export class MediaLink {
  session?: Session;
  report?: Report;
  private stats = new StatsReader();
  private samples = 0;
  private sample_timer?: ReturnType<typeof setInterval>;
  private last_restart = -Infinity;
  private given_back?: Session; // the focus is being asked for another in its place
  private seen_sids = new Set<string>();

  /** `told` hears our connection's quality every ten seconds. */
  constructor(private store: Store, private host: Host, private told: (quality: 0 | 1 | 2 | 3) => void) {}

  start_sampling(): void {
    this.sample_timer ??= setInterval(() => void this.sample(), kSampleEvery);
  }

  /** Throws a StanzaError for what cannot be. */
  on_jingle(jingle: Element): undefined {
    const action = jingle.getAttribute('action');
    const sid = jingle.getAttribute('sid') ?? '';
    if (action === 'session-initiate') {
      if (this.seen_sids.has(sid)) throw new StanzaError('service-unavailable', 'cancel', 'this session was offered before');
      return this.start(jingle, sid);
    }
    const { session } = this;
    if (!session || session.offer.sid !== sid) throw new StanzaError('item-not-found', 'cancel', 'no such session');
    switch (action) {
      case 'source-add':
        void this.careful(session, session.add_sources(parse_sources(jingle)));
        return undefined;
      case 'source-remove':
        void this.careful(session, session.remove_sources(parse_sources(jingle)));
        return undefined;
      case 'session-terminate':
        this.host.step('session ended');
        this.drop();
        return undefined;
      case 'transport-info': {
        const restart = parse_restart(jingle);
        if (restart) void this.careful(session, session.change_transport(restart.transport, restart.generation));
        return undefined;
      }
      case 'session-info':
        return undefined;
      default:
        throw new StanzaError('bad-request', 'modify', `no such action: ${action}`);
    }
  }

  /** After a change of network: the session stays. False when the focus would not. */
  async restart_ice(): Promise<boolean> {
    if (!this.session) return false;
    this.host.step('ice restart asked');
    return this.session.ask_ice_restart().then(() => true, () => false);
  }

  async set_track(which: Own, track: MediaStreamTrack | null): Promise<void> {
    await this.session?.set_track(which, track).catch((e: Error) => console.warn(`tacoma: ${which}:`, e.message));
  }

  /** What SSRCs of the bridge stand for now. */
  map_sources(sources: Source[]): void {
    const { session } = this;
    if (session) void this.careful(session, session.map_sources(sources));
  }

  /** Somebody is not in the room any more. */
  forget(endpoint: string): void {
    const { session } = this;
    if (session) void this.careful(session, session.forget_owner(endpoint));
  }

  /** Asks for a new session in place of this one, which ends now: however long the focus takes, nothing goes out any more as it did. */
  renew(): void {
    this.session?.close();
    this.store.set({ media: 'waiting' });
    void this.ask_restart('success');
  }

  /** Says good-bye to the focus; a session that is over already has nothing to say. */
  terminate(): void {
    const { session } = this;
    this.session = undefined;
    if (session) session.terminate('success', false).catch(() => undefined);
  }

  drop(): void {
    this.session?.close();
    this.session = undefined;
    this.host.ended();
    this.store.set({ tracks: {}, media: 'waiting', dominant: undefined, forwarded: undefined, speaking: [] });
    this.report = undefined;
  }

  /** Nothing is left, and nothing is measured any more. */
  end(): void {
    clearInterval(this.sample_timer);
    this.sample_timer = undefined;
    this.drop();
  }

  private start(jingle: Element, sid: string): undefined {
    const offer = parse_offer(jingle);
    this.host.step('offer received');
    this.seen_sids.add(sid);
    this.drop();
    this.host.start_muted(offer.start_muted);
    const { own, focus } = this.host.addresses();
    const session: Session = new Session(
      offer,
      {
        endpoint: this.host.endpoint(),
        initiator: jingle.getAttribute('initiator') ?? focus,
        responder: own,
        send: (message) => this.host.ask_focus('set', message),
      },
      this.host.own_tracks(),
      {
        track: (source, track) => this.session === session && this.on_track(source.name, track ? { source, track } : undefined),
        media: (state) => this.session === session && this.on_media(state),
        streams: (pc) => this.host.streams(pc),
        step: (name) => this.host.step(name),
      },
      [], this.host.sending());
    this.session = session;
    this.stats = new StatsReader();
    this.store.set({ media: 'connecting', bridge_missing: false });
    this.host.began(session);
    void this.careful(session, session.accept().then(() => this.host.accepted()));
    return undefined;
  }

  private on_track(name: string, remote: RemoteTrack | undefined): void {
    const tracks = { ...this.store.state.tracks };
    if (remote) tracks[name] = remote;
    else delete tracks[name];
    this.store.set({ tracks });
  }

  private on_media(state: MediaState): void {
    if (state === this.store.state.media) return;
    this.store.set({ media: state });
    if (state === 'connected') this.store.announce('Sound and picture are connected.');
    if (state === 'interrupted') this.store.announce('Sound and picture are interrupted.');
    if (state === 'failed') void this.recover();
  }

  /** New ICE credentials in place; where they do not help in time, a new session. */
  private async recover(): Promise<void> {
    const session = this.session;
    if (!session) return;
    await session.tell_ice_failed().catch(() => undefined);
    if (await this.restart_ice()) await new Promise((done) => setTimeout(done, kIceRestartPatience));
    if (this.session === session && !session.is_connected) await this.ask_restart('connectivity-error');
  }

  /** Ends the session and asks the focus for a new one, once; it bears one each few seconds, and so many a minute. */
  private async ask_restart(reason: string): Promise<void> {
    const session = this.session;
    if (!session || this.given_back === session) return;
    this.given_back = session;
    for (let attempt = 0; attempt < kRestartAttempts; ++attempt) {
      await new Promise((done) => setTimeout(done, Math.max(0, this.last_restart + kRestartPause - performance.now())));
      if (this.session !== session) return;
      this.last_restart = performance.now();
      this.store.set({ media: 'waiting' });
      this.host.step('restart asked');
      try {
        await session.terminate(reason, true);
        break;
      } catch (error) {
        // Any other refusal means that it has no such session any more.
        const { condition } = error as StanzaError;
        if (!['resource-constraint', 'timeout'].includes(condition)) break;
        if (attempt === 0 && condition === 'resource-constraint')
          this.store.announce('Too many changes in a minute: sound and picture come back when the meeting allows another.', 'shown');
      }
    }
    if (this.session === session) this.drop();
  }

  /** A session that we cannot follow is given back, so that a new one makes it right. */
  private async careful(session: Session, work: Promise<unknown>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (this.session !== session || this.given_back === session) return;
      console.error('tacoma: the session could not be changed:', error);
      await this.ask_restart('failed-application');
    }
  }

  private async sample(): Promise<void> {
    const { session } = this;
    if (!session || session.pc.connectionState === 'closed') return;
    const report = await this.stats.read(session.pc, session.lines, { endpoint: this.host.endpoint(), encoding_of: (ssrc) => session.encoding_of(ssrc) });
    if (this.session !== session) return;
    this.report = report;
    const quality = quality_of(report);
    if (quality !== this.store.state.me.quality) this.store.set_me({ quality });
    const speaking = report.rows.filter((r) => r.media === 'audio' && r.direction === 'in' && (r.audio_level ?? 0) > 0.02).map((r) => r.owner);
    if (speaking.join() !== this.store.state.speaking.join()) this.store.set({ speaking });
    if (this.samples % kAskFocusEvery === 0) void this.check_focus(session);
    if (++this.samples % 5 === 0) this.told(quality);
  }

  /** A room does not see a component die and come back. One that has forgotten us is asked in again, and invites everybody anew. */
  private async check_focus(session: Session): Promise<void> {
    try {
      await this.host.ask_focus('set', session_ping(session.offer));
    } catch (error) {
      if ((error as StanzaError).condition !== 'item-not-found' || this.session !== session) return;
      await this.host.invite_focus();
    }
  }
}
