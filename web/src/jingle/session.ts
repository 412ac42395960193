// One media session with the bridge: the browser always answers. Changes are made one after the other.
import { can_simulcast, draw_extra, encodings_for, is_layered, with_simulcast, type Sending } from './layers';
import { Lines, type Line } from './lines';
import { ask_ice_restart, ice_failed, own_sources, session_accept, session_terminate, source_change, source_name, transport_info } from './messages';
import type { Candidate, Offer, Transport } from './offer';
import { read_answer, write_offer, type LocalDescription } from './sdp';
import { is_bridge_source, type Source } from './sources';

export type Own = 'microphone' | 'camera' | 'screen';
export type OwnTracks = Partial<Record<Own, MediaStreamTrack | null>>;
export type MediaState = 'connecting' | 'connected' | 'interrupted' | 'failed';

export interface SessionEvents {
  /** A remote source got, or lost, its track. */
  track(source: Source, track: MediaStreamTrack | null): void;
  media(state: MediaState): void;
  /** There may be new senders and receivers. */
  streams(pc: RTCPeerConnection): void;
  step(name: string): void;
}
export interface SessionHost {
  endpoint: string;
  initiator: string;
  responder: string;
  /** Resolves when the focus has acknowledged. */
  send(jingle: Element): Promise<unknown>;
}

export class Session {
  readonly pc: RTCPeerConnection;
  readonly lines: Lines;
  readonly channel?: RTCDataChannel;
  private version = 0;
  private ice_generation = 0; // of the bridge's side, as applied
  private queue: Promise<unknown> = Promise.resolve();
  private accepted = false;
  private closed = false;
  private shown = new Map<string, Source>(); // by mid: the sources whose tracks were announced
  private mapped: Source[] = []; // heard of the bridge, and not applied yet
  private announced: Source[] = [];
  private readonly extra = draw_extra();
  private most = new Map<Own, number>(); // the heights that the bridge can use, as it said

  constructor(
    readonly offer: Offer, private host: SessionHost, private own: OwnTracks, private events: SessionEvents, ice_servers: RTCIceServer[],
    private sending: Sending,
  ) {
    const with_data = offer.sctp_port !== undefined;
    this.lines = new Lines(offer.sources, (['audio', 'video'] as const).filter((k) => offer.formats[k]), with_data);
    this.pc = new RTCPeerConnection({ iceServers: ice_servers, bundlePolicy: 'max-bundle', rtcpMuxPolicy: 'require' });
    this.pc.oniceconnectionstatechange = () => this.on_ice();
    this.pc.onconnectionstatechange = () => this.pc.connectionState === 'connected' && this.events.step('dtls connected');
    if (with_data) this.channel = this.new_channel();
  }

  /** A data channel to the bridge; undefined when the session is over. */
  new_channel(): RTCDataChannel | undefined {
    if (this.closed) return undefined;
    return this.pc.createDataChannel('JVB data channel', { protocol: 'http://jitsi.org/protocols/colibri' });
  }

  /** Answers the offer and tells the focus. */
  accept(): Promise<void> {
    return this.enqueue(async () => {
      if (this.own.screen) this.lines.screen();
      const local = await this.negotiate();
      this.announced = own_sources(local, this.lines, this.host.endpoint);
      this.events.step('answer ready');
      await this.host.send(session_accept(this.offer, local, this.announced, this.host.initiator, this.host.responder));
      this.accepted = true;
      this.events.step('session accepted');
    });
  }

  add_sources(sources: Source[]): Promise<void> {
    return this.enqueue(async () => {
      this.lines.add(sources);
      await this.negotiate();
    });
  }

  remove_sources(sources: Source[]): Promise<void> {
    return this.enqueue(async () => {
      if (this.lines.remove(sources.filter((s) => !is_bridge_source(s))).length) await this.negotiate();
    });
  }

  /** SSRCs that the bridge lends, and what they stand for now. What is heard while the session is busy is applied together. */
  map_sources(sources: Source[]): Promise<void> {
    const is_first = this.mapped.length === 0;
    this.mapped.push(...sources);
    if (!is_first || !sources.length) return Promise.resolve();
    return this.enqueue(async () => {
      if (this.lines.map(this.mapped.splice(0))) await this.negotiate();
      else this.announce_tracks();
    });
  }

  forget_owner(owner: string): Promise<void> {
    return this.enqueue(async () => {
      this.lines.forget_owner(owner);
      this.announce_tracks();
    });
  }

  /** Puts a track on a line of ours, or takes it off: no negotiation but for the first screen. */
  set_track(which: Own, track: MediaStreamTrack | null): Promise<void> {
    this.own = { ...this.own, [which]: track };
    return this.enqueue(async () => {
      if (which === 'screen') return this.set_screen(track);
      await this.transceiver(which)?.sender.replaceTrack(track);
    });
  }

  get own_names(): string[] {
    return this.announced.map((s) => s.name);
  }

  /** The heights that the bridge can use: 0 stops the encoder, -1 lifts the limit. */
  async limit_height(source: string, height: number): Promise<void> {
    const which = (['camera', 'screen'] as const).find((w) => source_name(this.host.endpoint, w) === source);
    if (!which) return;
    this.most.set(which, height);
    // In turn with negotiations, and one after the other: parameters that were read before somebody else's were set are refused.
    await this.enqueue(() => this.set_encodings(which));
  }

  /** Which of our camera's encodings an SSRC is, from 0 (the lowest), and of how many; undefined where there is one only. */
  encoding_of(ssrc: number): { index: number; count: number } | undefined {
    const group = this.announced.flatMap((s) => s.groups).find((g) => g.semantics === 'SIM' && g.ssrcs.includes(ssrc));
    return group && { index: group.ssrcs.indexOf(ssrc), count: group.ssrcs.length };
  }

  /** Whether packets find their way, as far as the browser knows. */
  get is_connected(): boolean {
    return ['connected', 'completed'].includes(this.pc.iceConnectionState);
  }

  ask_ice_restart(): Promise<unknown> {
    return this.host.send(ask_ice_restart(this.offer));
  }

  /** The bridge's new side of an ICE restart. Ours goes back; the pair in use serves until the new one does. */
  change_transport(transport: Transport, generation: number): Promise<void> {
    return this.enqueue(async () => {
      if (generation <= this.ice_generation) return; // overtaken
      this.ice_generation = generation;
      // Candidates that come together with new credentials would tear the pair in use down: they come after the answer.
      this.offer.transport = { ...this.offer.transport, ufrag: transport.ufrag, pwd: transport.pwd, candidates: [] };
      const local = await this.negotiate();
      for (const candidate of transport.candidates)
        await this.pc.addIceCandidate({ candidate: candidate_line(candidate), sdpMid: this.lines.all[0].mid, usernameFragment: transport.ufrag });
      this.offer.transport = { ...this.offer.transport, candidates: transport.candidates };
      await this.host.send(transport_info(this.offer, local, generation));
      this.events.step('ice restarted');
    });
  }

  tell_ice_failed(): Promise<unknown> {
    return this.host.send(ice_failed(this.offer));
  }

  /** Ends the session. With `restart` the focus will invite us anew. */
  async terminate(reason: string, restart: boolean): Promise<void> {
    this.close();
    await this.host.send(session_terminate(this.offer, reason, restart));
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.pc.oniceconnectionstatechange = null;
    this.pc.onconnectionstatechange = null;
    this.pc.close();
  }

  private enqueue<T>(work: () => Promise<T>): Promise<T> {
    const done = this.queue.then(() => {
      if (this.closed) throw new Error('the session is over');
      return work();
    });
    this.queue = done.catch(() => undefined);
    return done;
  }

  private transceiver(which: Own): RTCRtpTransceiver | undefined {
    const mid = this.lines.own(which)?.mid;
    return mid === undefined ? undefined : this.pc.getTransceivers().find((t) => t.mid === mid);
  }

  private async set_encodings(which: 'camera' | 'screen'): Promise<void> {
    const sender = this.transceiver(which)?.sender;
    const parameters = sender?.getParameters();
    if (!sender || !parameters?.encodings?.length) return;
    const captured = sender.track?.getSettings().height ?? 0;
    const { codec, layers } = this.sending;
    const has_layers = layers && which === 'camera';
    parameters.encodings = encodings_for(parameters.encodings, captured, this.most.get(which) ?? -1, codec, has_layers);
    // The bridge chooses the height: a busy machine shall send fewer pictures, not smaller ones.
    if (has_layers) parameters.degradationPreference = 'maintain-resolution';
    await sender.setParameters(parameters);
  }

  private async negotiate(): Promise<LocalDescription> {
    await this.pc.setRemoteDescription({ type: 'offer', sdp: write_offer(this.offer, this.lines, ++this.version, this.sending) });
    this.events.streams(this.pc); // before anything else is awaited: Chromium takes a transform of new streams now or never
    for (const which of ['microphone', 'camera', 'screen'] as const) {
      const transceiver = this.transceiver(which);
      if (!transceiver) continue;
      const wanted = which === 'screen' ? (this.own.screen ? 'sendonly' : 'inactive') : 'sendrecv';
      if (transceiver.direction !== wanted) transceiver.direction = wanted;
      const track = this.own[which] ?? null;
      if (transceiver.sender.track !== track) await transceiver.sender.replaceTrack(track);
    }
    const answer = await this.pc.createAnswer();
    const camera = this.lines.own('camera')?.mid;
    const repeats = this.sending.layers && !is_layered(this.sending.codec) && can_simulcast(navigator.userAgent);
    if (repeats && camera !== undefined) answer.sdp = with_simulcast(answer.sdp!, camera, this.extra);
    await this.pc.setLocalDescription(answer);
    if (this.sending.layers) await this.set_encodings('camera').catch((error) => this.events.step(`layers refused: ${(error as Error).message}`));
    this.announce_tracks();
    return read_answer(this.pc.localDescription!.sdp);
  }

  private async set_screen(track: MediaStreamTrack | null): Promise<void> {
    const before = this.announced.filter((s) => s.video_type === 'desktop');
    if (!track && !before.length) return;
    if (track && !this.lines.screen()) throw new Error('too many streams in this room to add one');
    const local = await this.negotiate();
    this.announced = own_sources(local, this.lines, this.host.endpoint);
    const now = this.announced.filter((s) => s.video_type === 'desktop');
    const same = before[0]?.ssrcs[0]?.ssrc === now[0]?.ssrcs[0]?.ssrc;
    if (!this.accepted || (before.length && now.length && same)) return;
    if (before.length) await this.host.send(source_change('source-remove', this.offer.sid, before));
    if (now.length) await this.host.send(source_change('source-add', this.offer.sid, now));
  }

  /** Compares the lines with what was announced: a track event alone would miss lines that are used again. */
  private announce_tracks(): void {
    const source_of = (line: Line) => (line.use.kind === 'remote' ? line.use.source : undefined);
    const changed = this.lines.all.filter((line) => this.shown.get(line.mid)?.name !== source_of(line)?.name);
    for (const { mid } of changed) { // what goes first: a name may have moved to another line
      const before = this.shown.get(mid);
      this.shown.delete(mid);
      if (before) this.events.track(before, null);
    }
    for (const line of changed) {
      const source = source_of(line);
      const receiver = source && this.pc.getTransceivers().find((t) => t.mid === line.mid)?.receiver;
      if (!receiver) continue;
      this.shown.set(line.mid, source);
      this.events.track(source, receiver.track);
    }
  }

  private on_ice(): void {
    switch (this.pc.iceConnectionState) {
      case 'checking': return this.events.step('ice checking');
      case 'connected':
      case 'completed':
        this.events.step('ice connected');
        return this.events.media('connected');
      case 'disconnected': return this.events.media('interrupted');
      case 'failed': return this.events.media('failed');
    }
  }
}

const candidate_line = (c: Candidate) =>
  `candidate:${c.foundation} ${c.component} ${c.protocol} ${c.priority} ${c.ip} ${c.port} typ ${c.type}` +
  (c.rel_addr ? ` raddr ${c.rel_addr} rport ${c.rel_port ?? 0}` : '');
