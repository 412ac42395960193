// What we send: our microphone, camera and screen, and how each is muted.
import type { Own, OwnTracks } from '../jingle/session';
import { source_name } from '../jingle/messages';
import type { Store } from '../state';
import type { SourceState } from '../xmpp/muc';
import { open_camera, open_microphone, open_screen, type Chosen } from './devices';

export interface Wish { microphone: MediaStreamTrack | null; camera: MediaStreamTrack | null; chosen: Chosen }
export type VideoType = 'camera' | 'desktop' | 'none';
interface Host {
  height: number;
  /** The session, if there is one, sends this track from now on. */
  send(which: Own, track: MediaStreamTrack | null): Promise<void>;
  /** Others must be told: the mute states, and for video its type. */
  changed(which: Own): void;
}

export class OwnMedia {
  private tracks: OwnTracks = {};

  constructor(private store: Store, private host: Host) {}

  begin(wish: Wish): void {
    const { microphone, camera } = wish;
    this.tracks = { screen: null };
    if (microphone) this.hold('microphone', microphone);
    if (camera) this.hold('camera', camera);
    this.store.set({ chosen: wish.chosen, own_microphone: microphone ?? undefined, own_camera: camera ?? undefined, own_screen: undefined });
    this.store.set_me({ audio_muted: !microphone, video_muted: !camera, sharing: false });
  }

  get all(): OwnTracks {
    return { ...this.tracks };
  }

  stop(): void {
    for (const track of Object.values(this.tracks)) track?.stop();
    this.tracks = {};
    this.store.set({ own_camera: undefined, own_screen: undefined, own_microphone: undefined });
  }

  async set_audio_muted(muted: boolean): Promise<void> {
    if (!muted && this.tracks.microphone?.readyState !== 'live' && !(await this.open('microphone'))) return;
    if (this.tracks.microphone) this.tracks.microphone.enabled = !muted;
    this.store.set_me({ audio_muted: muted });
    this.store.announce(muted ? 'Your microphone is off.' : 'Your microphone is on.');
    this.host.changed('microphone');
  }

  /** A muted camera is closed: its light goes out. */
  async set_video_muted(muted: boolean): Promise<void> {
    if (muted) await this.put_away('camera');
    else if (!(await this.open('camera'))) return;
    this.store.set_me({ video_muted: muted });
    this.store.announce(muted ? 'Your camera is off.' : 'Your camera is on.');
    this.host.changed('camera');
  }

  async set_sharing(sharing: boolean): Promise<void> {
    if (!sharing) await this.put_away('screen');
    else if (!(await this.open('screen'))) return;
    this.store.set_me({ sharing });
    this.store.announce(sharing ? 'You share your screen.' : 'You no longer share your screen.');
    this.host.changed('screen');
  }

  /** Takes other devices from now on; what is muted stays so. */
  async choose(chosen: Chosen): Promise<void> {
    const before = this.store.state.chosen;
    this.store.set({ chosen });
    for (const which of ['microphone', 'camera'] as const) {
      if (chosen[which] === before[which]) continue;
      const old = this.tracks[which];
      if (old?.readyState !== 'live') continue; // opened when it is needed
      if (await this.open(which)) old.stop();
      if (which === 'microphone') this.tracks.microphone!.enabled = !this.store.state.me.audio_muted;
    }
  }

  source_states(endpoint: string): Record<string, SourceState> {
    const { me } = this.store.state;
    return {
      [source_name(endpoint, 'microphone')]: { muted: me.audio_muted },
      [source_name(endpoint, 'camera')]: { muted: me.video_muted },
      ...(me.sharing ? { [source_name(endpoint, 'screen')]: { muted: false, video_type: 'desktop' as const } } : {}),
    };
  }

  video_type(which: 'camera' | 'screen'): VideoType {
    const { me } = this.store.state;
    if (which === 'camera') return me.video_muted ? 'none' : 'camera';
    return me.sharing ? 'desktop' : 'none';
  }

  /** False where the person would not, or the device could not; a notice says why. */
  private async open(which: Own): Promise<boolean> {
    const { chosen } = this.store.state;
    try {
      const track = which === 'microphone' ? await open_microphone(chosen.microphone)
        : which === 'camera' ? await open_camera(chosen.camera, this.host.height) : await open_screen();
      if (!track) return false;
      this.hold(which, track);
      this.store.set({ [`own_${which}`]: track });
      await this.host.send(which, track);
      return true;
    } catch (error) {
      this.store.set({ notice: (error as Error).message });
      return false;
    }
  }

  private async put_away(which: Own): Promise<void> {
    const track = this.tracks[which];
    this.tracks[which] = null;
    track?.stop();
    this.store.set({ [`own_${which}`]: undefined });
    await this.host.send(which, null);
  }

  private hold(which: Own, track: MediaStreamTrack): void {
    this.tracks[which] = track;
    // Not by stop(): unplugged, or ended by the browser's own button.
    track.onended = () => this.tracks[which] === track && void this.on_ended(which);
  }

  private async on_ended(which: Own): Promise<void> {
    if (which === 'screen') return this.set_sharing(false);
    this.store.set({ notice: `The ${which} is gone. Plug it in again, or choose another, and turn it on.` });
    await (which === 'microphone' ? this.set_audio_muted(true) : this.set_video_muted(true));
  }
}
