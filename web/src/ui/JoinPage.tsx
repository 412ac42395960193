import { useEffect, useRef, useState } from 'react';
import { clean_room } from '../config';
import { meter, open_camera, open_microphone, type Chosen } from '../media/devices';
import { DeviceChoice, useDevices } from './Devices';
import { useBranding, useConference } from './hooks';
import { Icon } from './icons';
import { initials } from './layout';

const kName = 'tacoma.name';
const remembered = (key: string) => { try { return localStorage.getItem(key) ?? ''; } catch { return ''; } };
const remember = (key: string, value: string) => { try { localStorage.setItem(key, value); } catch { /* a private window forgets */ } };

function useTrack(wanted: boolean, open: () => Promise<MediaStreamTrack>, device: string | undefined, on_error: (text: string) => void) {
  const [track, set_track] = useState<MediaStreamTrack | null>(null);
  const kept = useRef(false); // the conference took it
  useEffect(() => {
    if (!wanted) return set_track(null);
    let over = false;
    let opened: MediaStreamTrack | undefined;
    open().then(
      (t) => {
        if (over) return t.stop();
        opened = t;
        set_track(t);
      },
      (e: Error) => !over && on_error(e.message));
    return () => {
      over = true;
      if (!kept.current) opened?.stop();
    };
    // `open` and `on_error` are new at each render; the device decides.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [wanted, device]);
  return { track, keep: () => { kept.current = true; } };
}

export function JoinPage({ room: given, notice, ended, on_join }: { room: string; notice: string; ended: boolean; on_join(): void }) {
  const branding = useBranding();
  const conference = useConference();
  const [room, set_room] = useState(given);
  const [name, set_name] = useState(() => remembered(kName));
  const { me } = conference.store.state;
  const [with_microphone, set_with_microphone] = useState(!ended || !me.audio_muted);
  const [with_camera, set_with_camera] = useState(!ended || !me.video_muted);
  // Who has left wants no open camera: the preview waits until they turn to it again.
  const [looking, set_looking] = useState(!ended);
  const [chosen, set_chosen] = useState<Chosen>(() => conference.store.state.chosen);
  const [problems, set_problems] = useState<Record<string, string>>({});
  const problem = (key: string) => (text: string) => set_problems((p) => ({ ...p, [key]: text }));
  const microphone = useTrack(with_microphone && looking, () => open_microphone(chosen.microphone), chosen.microphone, (t) => { problem('microphone')(t); set_with_microphone(false); });
  const camera = useTrack(with_camera && looking, () => open_camera(chosen.camera, conference.camera_height), chosen.camera, (t) => { problem('camera')(t); set_with_camera(false); });

  const devices = useDevices(camera.track ?? microphone.track);

  const join = (e: React.FormEvent) => {
    e.preventDefault();
    const wanted = clean_room(room);
    if (!wanted) return;
    remember(kName, name.trim());
    if (clean_room(location.pathname.slice(1)) !== wanted && !new URLSearchParams(location.search).has('room')) history.replaceState(null, '', `/${encodeURIComponent(wanted)}`);
    microphone.keep();
    camera.keep();
    void conference.join({
      room: wanted, name: name.trim(), microphone: with_microphone ? microphone.track : null, camera: with_camera ? camera.track : null,
      chosen,
    });
    // A device that is still opening follows.
    if (with_microphone && !microphone.track) void conference.set_audio_muted(false);
    if (with_camera && !camera.track) void conference.set_video_muted(false);
    on_join();
  };

  return (
    <main className="join">
      <header className="brand">
        <img src={branding.logo} alt="" width="36" height="36" />
        <span>{branding.name}</span>
      </header>
      <form className="join-form" onSubmit={join}>
        <h1>{ended ? (notice ? 'You are out of the room' : 'You left the room') : room ? <>Join <em>{room}</em></> : 'Open a room'}</h1>
        {notice ? <p className="notice" role="alert">{notice}</p> : <p className="quiet">{branding.tagline}</p>}
        <label>Room
          <input name="room" value={room} onChange={(e) => set_room(e.target.value)} required autoComplete="off" autoCapitalize="none" spellCheck={false} autoFocus={!given} />
        </label>
        <label>Your name
          <input name="name" value={name} onChange={(e) => set_name(e.target.value)} maxLength={60} autoComplete="name" autoFocus={!!given} placeholder="as others will see it" />
        </label>
        <DeviceChoice devices={devices} chosen={chosen} on_choose={set_chosen} />
        {Object.values(problems).map((text) => <p key={text} className="notice" role="alert">{text}</p>)}
        <button type="submit" className="primary">{ended ? 'Join again' : 'Join'}</button>
      </form>
      <section className="preview" aria-label="Preview">
        {!looking && <button type="button" className="show-preview" onClick={() => set_looking(true)}>Show preview</button>}
        {camera.track ? <Mirror track={camera.track} /> : <div className="face" aria-hidden="true">{initials(name)}</div>}
        <div className="preview-bar">
          <button type="button" className={with_microphone ? 'round' : 'round off'} aria-label={with_microphone ? 'Join muted' : 'Join with microphone'}
            title={with_microphone ? 'Join muted' : 'Join with microphone'} onClick={() => { set_problems({}); set_with_microphone(!with_microphone); }}>
            <Icon name={with_microphone ? 'mic' : 'mic_off'} />
          </button>
          <button type="button" className={with_camera ? 'round' : 'round off'} aria-label={with_camera ? 'Join without camera' : 'Join with camera'}
            title={with_camera ? 'Join without camera' : 'Join with camera'} onClick={() => { set_problems({}); set_with_camera(!with_camera); }}>
            <Icon name={with_camera ? 'camera' : 'camera_off'} />
          </button>
          <Level track={microphone.track} />
        </div>
      </section>
    </main>
  );
}

function Mirror({ track }: { track: MediaStreamTrack }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => { video.current!.srcObject = new MediaStream([track]); }, [track]);
  return <video ref={video} className="mirror" autoPlay playsInline muted aria-label="Your camera" />;
}

function Level({ track }: { track: MediaStreamTrack | null }) {
  const [level, set_level] = useState(0);
  useEffect(() => (track ? meter(track, set_level) : set_level(0)), [track]);
  return (
    <div className="level" role="meter" aria-label="Microphone level" aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(level * 100)}>
      <span style={{ inlineSize: `${level * 100}%` }} />
    </div>
  );
}
