import { useState } from 'react';
import type { Member, RoomState } from '../state';
import { EndToEnd } from '../media/end_to_end';
import { Dialog } from './Dialog';
import { useConference, useRoom } from './hooks';

/** Why this person cannot be seen and heard, if it is for encryption. */
export function sealed_note(state: RoomState, member: Member | undefined, track: MediaStreamTrack | undefined): string | undefined {
  if (!member) return undefined;
  if (member.encrypted && !state.encrypted) return 'Encrypted: you need the password';
  if (!state.encrypted || !track || !state.unreadable.includes(track.id)) return undefined;
  return member.encrypted ? 'Encrypted with another password' : 'Not encrypted, so not shown';
}

export function EncryptionDialog({ on_close }: { on_close(): void }) {
  const conference = useConference();
  const { encrypted } = useRoom();
  const [password, set_password] = useState('');
  const [problem, set_problem] = useState('');
  const save = (value: string) => conference.set_encryption(value).then(on_close, (e: Error) => set_problem(`This failed: ${e.message}.`));
  return (
    <Dialog title="End-to-end encryption" on_close={on_close}>
      <form onSubmit={(e) => { e.preventDefault(); if (password) void save(password); }}>
        {EndToEnd.available
          ? <p className="quiet">Sound and pictures are encrypted in your browser, and nobody between can read them. Everybody sets the same password; tell
            it to the others by another way than this room's chat.</p>
          : <p className="notice" role="alert">This browser cannot encrypt what it sends to a room.</p>}
        <label>Password for encryption
          <input name="encryption-password" type="password" value={password} onChange={(e) => set_password(e.target.value)} data-first autoComplete="off"
            disabled={!EndToEnd.available} maxLength={200} />
        </label>
        {problem && <p className="notice" role="alert">{problem}</p>}
        <div className="dialog-bar">
          <button type="button" onClick={on_close}>Cancel</button>
          {encrypted && <button type="button" onClick={() => void save('')}>Stop encrypting</button>}
          <button type="submit" className="primary" disabled={!EndToEnd.available}>{encrypted ? 'Change password' : 'Encrypt'}</button>
        </div>
      </form>
    </Dialog>
  );
}
