// The controls of a room. What does not fit a narrow screen is in its menu.
import { useConference } from './hooks';
import { Icon, type IconName } from './icons';

interface ToolProps {
  icon: IconName;
  label: string;
  /** Under the icon, where there is room. A label that changes says the state itself; `pressed` is for those that stay. */
  caption?: string;
  keys?: string;
  off?: boolean;
  pressed?: boolean;
  lit?: boolean;
  badge?: number;
  danger?: boolean;
  /** The id of what it opens. */
  controls?: string;
  dialog?: boolean;
  on_press(): void;
}

export type Part = 'chat' | 'people' | 'streams' | 'devices' | 'lock' | 'encryption';
export interface ToolbarProps {
  open(part: Part): boolean;
  toggle(part: Part): void;
  unread: number;
  following: boolean;
  on_follow(): void;
}

export function Toolbar({ open, toggle, unread, following, on_follow }: ToolbarProps) {
  const conference = useConference();
  const { me, members, locked, room, encrypted } = conference.store.state;
  const mic: ToolProps = {
    icon: me.audio_muted ? 'mic_off' : 'mic', label: me.audio_muted ? 'Unmute' : 'Mute', keys: 'M', off: me.audio_muted,
    on_press: () => void conference.set_audio_muted(!me.audio_muted),
  };
  const camera: ToolProps = {
    icon: me.video_muted ? 'camera_off' : 'camera', label: me.video_muted ? 'Start camera' : 'Stop camera', caption: 'Camera', keys: 'V', off: me.video_muted,
    on_press: () => void conference.set_video_muted(!me.video_muted),
  };
  const chat: ToolProps = {
    icon: 'chat', label: unread ? `Chat, ${unread} unread` : 'Chat', caption: 'Chat', keys: 'C', pressed: open('chat'), badge: unread, controls: 'chat', on_press: () => toggle('chat'),
  };
  const people: ToolProps = {
    icon: 'people', label: `People, ${members.length + 1}`, caption: 'People', keys: 'P', pressed: open('people'), controls: 'people', on_press: () => toggle('people'),
  };
  const more: ToolProps[] = [
    { icon: following ? 'grid' : 'stage', label: following ? 'Show everybody' : 'Follow the speaker', caption: following ? 'Grid' : 'Stage', keys: 'F', lit: following, on_press: on_follow },
    { icon: 'devices', label: 'Devices', keys: 'D', controls: 'devices', dialog: true, on_press: () => toggle('devices') },
    ...(me.moderator ? [{ icon: locked ? 'lock' : 'unlock', label: 'Room password', caption: 'Password', controls: 'lock', dialog: true, on_press: () => toggle('lock') } as const] : []),
    { icon: 'shield', label: 'End-to-end encryption', caption: 'Encrypt', keys: 'X', lit: encrypted, controls: 'encryption', dialog: true, on_press: () => toggle('encryption') },
    { icon: 'gauge', label: 'Streams', keys: 'E', pressed: open('streams'), controls: 'streams', on_press: () => toggle('streams') },
  ];
  if (navigator.mediaDevices && 'getDisplayMedia' in navigator.mediaDevices)
    more.unshift({
      icon: 'screen', label: me.sharing ? 'Stop sharing' : 'Share screen', caption: me.sharing ? 'Stop' : 'Share', keys: 'S', lit: me.sharing,
      on_press: () => void conference.set_sharing(!me.sharing),
    });
  return (
    <nav className="toolbar" aria-label="Controls">
      <div className="room-name"><span>{room}</span>{locked && <><Icon name="lock" size={15} /><span className="visually-hidden">has a password</span></>}</div>
      <div className="tools">
        <Tool {...mic} />
        <Tool {...camera} />
        <Tool {...chat} />
        <Tool {...people} />
        {more.map((t) => <Tool key={t.icon + t.label} {...t} wide />)}
        <button type="button" className="tool narrow-only" popoverTarget="more" aria-label="More"><Icon name="more" /></button>
        <Tool icon="leave" label="Leave" danger on_press={() => conference.leave()} />
      </div>
      <div id="more" popover="auto" className="menu" role="group" aria-label="More">
        {more.map((t) => (
          <button key={t.label} type="button" aria-pressed={t.pressed} popoverTarget="more" popoverTargetAction="hide" onClick={t.on_press}>
            <Icon name={t.icon} />{t.label}
          </button>
        ))}
      </div>
    </nav>
  );
}

function Tool(p: ToolProps & { wide?: boolean }) {
  return (
    <button type="button" className={`tool${p.off ? ' off' : ''}${p.lit ? ' lit' : ''}${p.danger ? ' danger' : ''}${p.wide ? ' wide-only' : ''}`} aria-label={p.label}
      aria-pressed={p.pressed} aria-keyshortcuts={p.keys} aria-haspopup={p.dialog ? 'dialog' : undefined} data-opens={p.controls} aria-controls={p.pressed ? p.controls : undefined} title={p.keys ? `${p.label} (${p.keys})` : p.label} onClick={p.on_press}>
      <Icon name={p.icon} />
      <span className="caption" aria-hidden="true">{p.caption ?? p.label}</span>
      {!!p.badge && <span className="badge" aria-hidden="true">{p.badge > 99 ? '99+' : p.badge}</span>}
    </button>
  );
}
