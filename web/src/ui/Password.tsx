import { useState } from 'react';
import { Dialog } from './Dialog';
import { useConference, useRoom } from './hooks';

export function PasswordPrompt() {
  const conference = useConference();
  const { wrong_password } = useRoom();
  const [password, set_password] = useState('');
  return (
    <Dialog title="This room has a password" on_close={() => conference.leave()}>
      <form onSubmit={(e) => { e.preventDefault(); if (password) conference.give_password(password); }}>
        <label>Password
          <input name="password" type="password" value={password} onChange={(e) => set_password(e.target.value)} data-first autoComplete="off"
            aria-invalid={wrong_password} aria-describedby="password-problem" />
        </label>
        <p id="password-problem" className="notice" role="alert" hidden={!wrong_password}>That was not the password.</p>
        <div className="dialog-bar">
          <button type="button" onClick={() => conference.leave()}>Leave</button>
          <button type="submit" className="primary">Enter</button>
        </div>
      </form>
    </Dialog>
  );
}

export function LockDialog({ on_close }: { on_close(): void }) {
  const conference = useConference();
  const { locked } = useRoom();
  const [password, set_password] = useState('');
  const [problem, set_problem] = useState('');
  const save = (value: string) => conference.set_password(value).then(on_close, (e: Error) => set_problem(`The server refused: ${e.message}.`));
  return (
    <Dialog title="Room password" on_close={on_close}>
      <form onSubmit={(e) => { e.preventDefault(); if (password) void save(password); }}>
        <p className="quiet">{locked ? 'The room has a password. Set another, or open the room.' : 'Whoever comes next will be asked for it.'}</p>
        <label>New password
          <input name="new-password" value={password} onChange={(e) => set_password(e.target.value)} data-first autoComplete="off" spellCheck={false} maxLength={100} />
        </label>
        {problem && <p className="notice" role="alert">{problem}</p>}
        <div className="dialog-bar">
          <button type="button" onClick={on_close}>Cancel</button>
          {locked && <button type="button" onClick={() => void save('')}>Open the room</button>}
          <button type="submit" className="primary">Set password</button>
        </div>
      </form>
    </Dialog>
  );
}
