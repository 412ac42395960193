import { useEffect, useMemo, useRef, useState } from 'react';
import type { Shown } from '../bridge/constraints';
import type { Member, RoomState } from '../state';
import { Chat } from './Chat';
import { useConference, useRoom, useShortcuts, useSize } from './hooks';
import { Icon, type IconName } from './icons';
import { best_grid } from './layout';
import { Overlay } from './Overlay';
import { LockDialog } from './Password';
import { People } from './People';
import { Audio, Tile } from './Tile';

/** One picture (or face) on screen. */
export interface Picture {
  key: string; // the source's name
  owner: string;
  name: string;
  own: boolean;
  screen: boolean;
  track?: MediaStreamTrack;
  member?: Member;
}

function pictures_of(state: RoomState): Picture[] {
  const mine: Picture[] = [{ key: `${state.me.id}-v0`, owner: state.me.id, name: state.me.name || 'You', own: true, screen: false, track: state.own_camera }];
  if (state.me.sharing) mine.push({ key: `${state.me.id}-v1`, owner: state.me.id, name: 'Your screen', own: true, screen: true, track: state.own_screen });
  const others = state.members.flatMap((member) => {
    const shown = (name: string) => (member.sources[name] && !member.sources[name].muted ? state.tracks[name]?.track : undefined);
    const screens = Object.entries(member.sources).filter(([n, s]) => s.video_type === 'desktop' && !s.muted && state.tracks[n]);
    return [
      { key: `${member.id}-v0`, owner: member.id, name: member.name, own: false, screen: false, member, track: shown(`${member.id}-v0`) },
      ...screens.map(([n]) => ({ key: n, owner: member.id, name: `${member.name}’s screen`, own: false, screen: true, member, track: state.tracks[n].track })),
    ];
  });
  return [...others, ...mine];
}

type Panel = 'chat' | 'people' | undefined;

export function Room() {
  const conference = useConference();
  const state = useRoom();
  const [panel, set_panel] = useState<Panel>();
  const [overlay, set_overlay] = useState(false);
  const [locking, set_locking] = useState(false);
  const [pinned, set_pinned] = useState<string>();
  const [stage_wanted, set_stage_wanted] = useState(false);
  const [read, set_read] = useState(0);
  const pictures = useMemo(() => pictures_of(state), [state]);
  const unread = panel === 'chat' ? 0 : Math.max(0, state.chat.length - read);
  useEffect(() => { if (panel === 'chat') set_read(state.chat.length); }, [panel, state.chat.length]);

  const toggle_panel = (which: Panel) => set_panel(panel === which ? undefined : which);
  const toggle_audio = () => void conference.set_audio_muted(!state.me.audio_muted);
  const toggle_video = () => void conference.set_video_muted(!state.me.video_muted);
  useShortcuts({ m: toggle_audio, v: toggle_video, c: () => toggle_panel('chat'), p: () => toggle_panel('people'), e: () => set_overlay(!overlay) });

  const pin = pictures.find((p) => p.key === pinned);
  const shared = pictures.find((p) => p.screen && !p.own) ?? pictures.find((p) => p.screen);
  const speaker = pictures.find((p) => p.owner === state.dominant && !p.screen && !p.own);
  const staged = pin ?? shared ?? (stage_wanted ? speaker ?? pictures.find((p) => !p.own) ?? pictures[0] : undefined);

  return (
    <div className="room" data-panel={panel ?? 'none'}>
      <h1 className="visually-hidden">Room {state.room}</h1>
      <Banner state={state} on_dismiss={() => conference.dismiss()} />
      <main className="floor" aria-label="People in the room">
        <Floor pictures={pictures} staged={staged} state={state} on_pin={(key) => set_pinned(pinned === key ? undefined : key)} pinned={pinned} />
        {overlay && <Overlay on_close={() => set_overlay(false)} />}
      </main>
      {panel === 'chat' && <Chat on_close={() => set_panel(undefined)} />}
      {panel === 'people' && <People on_close={() => set_panel(undefined)} />}
      <nav className="toolbar" aria-label="Controls">
        <div className="room-name"><span>{state.room}</span>{state.locked && <Icon name="lock" size={15} />}</div>
        <div className="tools">
          <Tool icon={state.me.audio_muted ? 'mic_off' : 'mic'} label={state.me.audio_muted ? 'Unmute' : 'Mute'} keys="M" off={state.me.audio_muted} on_press={toggle_audio} />
          <Tool icon={state.me.video_muted ? 'camera_off' : 'camera'} label={state.me.video_muted ? 'Start camera' : 'Stop camera'} keys="V" off={state.me.video_muted} on_press={toggle_video} />
          <Tool icon="screen" label={state.me.sharing ? 'Stop sharing' : 'Share screen'} pressed={state.me.sharing} on_press={() => void conference.set_sharing(!state.me.sharing)} />
          <Tool icon="chat" label={unread ? `Chat, ${unread} unread` : 'Chat'} keys="C" pressed={panel === 'chat'} badge={unread} on_press={() => toggle_panel('chat')} />
          <Tool icon="people" label={`People, ${state.members.length + 1}`} keys="P" pressed={panel === 'people'} on_press={() => toggle_panel('people')} />
          <Tool icon={stage_wanted ? 'grid' : 'stage'} label={stage_wanted ? 'Show everybody' : 'Follow the speaker'} pressed={stage_wanted} wide on_press={() => { set_stage_wanted(!stage_wanted); set_pinned(undefined); }} />
          {state.me.moderator && <Tool icon={state.locked ? 'lock' : 'unlock'} label="Room password" pressed={state.locked} on_press={() => set_locking(true)} />}
          <Tool icon="gauge" label="Streams" keys="E" pressed={overlay} wide on_press={() => set_overlay(!overlay)} />
          <Tool icon="leave" label="Leave" danger on_press={() => conference.leave()} />
        </div>
      </nav>
      {locking && <LockDialog on_close={() => set_locking(false)} />}
      {Object.values(state.tracks).filter((t) => t.source.kind === 'audio').map((t) => <Audio key={t.source.name} track={t.track} />)}
    </div>
  );
}

function Tool(p: { icon: IconName; label: string; keys?: string; off?: boolean; pressed?: boolean; badge?: number; danger?: boolean; wide?: boolean; on_press(): void }) {
  return (
    <button type="button" className={`tool${p.off ? ' off' : ''}${p.danger ? ' danger' : ''}${p.wide ? ' wide-only' : ''}`} aria-label={p.label}
      aria-pressed={p.pressed} aria-keyshortcuts={p.keys} title={p.keys ? `${p.label} (${p.keys})` : p.label} onClick={p.on_press}>
      <Icon name={p.icon} />
      {!!p.badge && <span className="badge" aria-hidden="true">{p.badge > 99 ? '99+' : p.badge}</span>}
    </button>
  );
}

function Banner({ state, on_dismiss }: { state: RoomState; on_dismiss(): void }) {
  const alone = state.members.length === 0;
  const text =
    state.phase === 'reconnecting' ? 'The connection is lost. Trying to come back …'
    : state.bridge_missing ? 'No bridge is there at the moment. Sound and picture begin as soon as one comes.'
    : state.media === 'interrupted' || state.media === 'failed' ? 'Sound and picture are interrupted. Trying to bring them back …'
    : state.notice ? state.notice
    : alone ? 'Nobody else is here yet. Send the address of this page to whom you want to meet.'
    : state.media !== 'connected' ? 'Connecting sound and picture …'
    : '';
  if (!text) return null;
  const bad = state.phase === 'reconnecting' || state.media === 'interrupted' || state.media === 'failed';
  return (
    <div className={`banner${bad ? ' bad' : ''}`} data-state={state.phase === 'reconnecting' ? 'reconnecting' : state.media}>
      <span>{text}</span>
      {text === state.notice && <button type="button" className="plain" aria-label="Dismiss" onClick={on_dismiss}><Icon name="close" size={16} /></button>}
    </div>
  );
}

interface FloorProps { pictures: Picture[]; staged?: Picture; state: RoomState; pinned?: string; on_pin(key: string): void }

/** Places the pictures, and tells the bridge which of them are on screen and how large. */
function Floor({ pictures, staged, state, pinned, on_pin }: FloorProps) {
  const conference = useConference();
  const ref = useRef<HTMLDivElement>(null);
  const { width, height } = useSize(ref);
  const rest = staged ? pictures.filter((p) => p.key !== staged.key) : pictures;
  const grid = best_grid(rest.length, width, height, 12);
  const strip = 120;
  const wanted = JSON.stringify(pictures.filter((p) => !p.own && p.track).map((p): Shown => ({
    source: p.key,
    height: Math.round((p.key === staged?.key ? Math.max(0, height - (rest.length ? strip : 0)) : staged ? strip : grid.height) * devicePixelRatio),
    stage: p.key === staged?.key,
  })));
  useEffect(() => conference.set_shown(JSON.parse(wanted) as Shown[]), [conference, wanted]);

  const tile = (p: Picture, style?: React.CSSProperties) => (
    <Tile key={p.key} picture={p} style={style} pinned={pinned === p.key} on_pin={() => on_pin(p.key)}
      dominant={state.dominant === p.owner && !p.screen} speaking={state.speaking.includes(p.owner)} me={state.me} />
  );
  return (
    <div ref={ref} className={staged ? 'stage' : 'grid'}>
      {staged ? (
        <>
          <div className="stage-main">{tile(staged)}</div>
          {rest.length > 0 && <div className="strip" role="group" aria-label="Other people">{rest.map((p) => tile(p))}</div>}
        </>
      ) : rest.map((p) => tile(p, { inlineSize: grid.width, blockSize: grid.height }))}
    </div>
  );
}
