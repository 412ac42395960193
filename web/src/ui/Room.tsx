import { useEffect, useMemo, useState } from 'react';
import { Toasts } from './Announcer';
import { Banner } from './Banner';
import { Chat } from './Chat';
import { DevicesDialog } from './Devices';
import { EncryptionDialog } from './Encryption';
import { Floor } from './Floor';
import { useBranding, useConference, useRoom, useShortcuts } from './hooks';
import { Overlay } from './Overlay';
import { LockDialog } from './Password';
import { People } from './People';
import { pictures_of, staged_of } from './pictures';
import { Audio } from './Tile';
import { Toolbar, type Part } from './Toolbar';

const kPanels: Part[] = ['chat', 'people'];

export function Room() {
  const conference = useConference();
  const branding = useBranding();
  const state = useRoom();
  const [open, set_open] = useState<Part[]>([]);
  const [pinned, set_pinned] = useState<string>();
  const [following, set_following] = useState(false);
  const [read, set_read] = useState(state.chat_heard);
  const pictures = useMemo(() => pictures_of(state), [state]);
  const is_open = (part: Part) => open.includes(part);
  const chat_open = is_open('chat');
  const unread = chat_open ? 0 : state.chat_heard - read;
  useEffect(() => { if (chat_open) set_read(state.chat_heard); }, [chat_open, state.chat_heard]);
  useEffect(() => {
    document.title = `${unread ? `(${unread}) ` : ''}${state.room} · ${branding.name}`;
    return () => { document.title = branding.name; };
  }, [unread, state.room, branding.name]);

  const close = (part: Part) => set_open((o) => o.filter((p) => p !== part));
  /** One panel at a time. */
  const toggle = (part: Part) =>
    set_open((o) => (o.includes(part) ? o.filter((p) => p !== part) : [...o.filter((p) => !(kPanels.includes(part) && kPanels.includes(p))), part]));
  const follow = () => {
    set_following(!following);
    set_pinned(undefined);
  };
  const escape = (from: Element) => {
    const inside = from.closest('aside')?.id as Part | undefined;
    const last = inside && is_open(inside) ? inside : open[open.length - 1];
    if (last) close(last);
  };
  useShortcuts({
    m: () => void conference.set_audio_muted(!state.me.audio_muted),
    v: () => void conference.set_video_muted(!state.me.video_muted),
    s: () => void conference.set_sharing(!state.me.sharing),
    f: follow, c: () => toggle('chat'), p: () => toggle('people'), e: () => toggle('streams'), d: () => toggle('devices'), x: () => toggle('encryption'),
  }, escape);

  return (
    <div className="room" data-panel={open.find((p) => kPanels.includes(p)) ?? 'none'}>
      <Banner state={state} />
      <main className="floor">
        <h1 className="visually-hidden">Room {state.room}</h1>
        <Floor pictures={pictures} staged={staged_of(pictures, pinned, following, state.dominant)} state={state} pinned={pinned}
          on_others={() => is_open('people') || toggle('people')} on_pin={(key) => set_pinned(pinned === key ? undefined : key)} />
        <Toasts chat_open={chat_open} />
      </main>
      {is_open('streams') && <Overlay on_close={() => close('streams')} />}
      {chat_open && <Chat on_close={() => close('chat')} />}
      {is_open('people') && <People on_close={() => close('people')} />}
      <Toolbar open={is_open} toggle={toggle} unread={unread} following={following} on_follow={follow} />
      {is_open('lock') && <LockDialog on_close={() => close('lock')} />}
      {is_open('encryption') && <EncryptionDialog on_close={() => close('encryption')} />}
      {is_open('devices') && <DevicesDialog on_close={() => close('devices')} />}
      {Object.values(state.tracks).filter((t) => t.source.kind === 'audio').map((t) => <Audio key={t.source.name} track={t.track} speaker={state.chosen.speaker} />)}
    </div>
  );
}
