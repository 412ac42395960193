import { useState } from 'react';
import type { Conference } from '../conference';
import type { Branding } from '../config';
import { Announcer } from './Announcer';
import { BrandingContext, ConferenceContext, useRoom } from './hooks';
import { JoinPage } from './JoinPage';
import { PasswordPrompt } from './Password';
import { Room } from './Room';

export function App({ conference, branding, room }: { conference: Conference; branding: Branding; room: string }) {
  return (
    <BrandingContext value={branding}>
      <ConferenceContext value={conference}>
        <Pages room={room} />
      </ConferenceContext>
    </BrandingContext>
  );
}

function Pages({ room }: { room: string }) {
  const state = useRoom();
  const [again, set_again] = useState(0);
  return (
    <>
      {state.phase === 'idle' || state.phase === 'ended'
        ? <JoinPage key={`${again}${state.phase}`} room={state.room || room} notice={state.notice} ended={state.phase === 'ended'} on_join={() => set_again(again + 1)} />
        : state.phase === 'joining' || state.phase === 'password'
          ? <Waiting />
          : <Room />}
      {state.phase === 'password' && <PasswordPrompt />}
      <Announcer />
    </>
  );
}

function Waiting() {
  const state = useRoom();
  return (
    <main className="waiting">
      <div className="spinner" aria-hidden="true" />
      <h1>{state.room}</h1>
      <p>{state.phase === 'password' ? 'This room has a password.' : 'Opening the room …'}</p>
    </main>
  );
}
