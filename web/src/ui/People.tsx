import { useState } from 'react';
import type { Member } from '../state';
import { Dialog } from './Dialog';
import { useConference, useRoom } from './hooks';
import { Icon } from './icons';
import { Panel } from './Panel';

export function People({ on_close }: { on_close(): void }) {
  const conference = useConference();
  const { members, me } = useRoom();
  const [problem, set_problem] = useState('');
  const [removing, set_removing] = useState<Member>();
  const order = (work: Promise<void>) => void work.catch((e: Error) => set_problem(`That did not work: ${e.message}.`));
  return (
    <Panel id="people" title="People" count={members.length + 1} on_close={on_close}>
      {problem && <p className="notice" role="alert">{problem}</p>}
      <ul className="people" aria-label="People in the room">
        <li><span className="who">{me.name || 'You'} <span className="quiet">{me.moderator ? 'you, moderator' : 'you'}</span></span></li>
        {members.map((m) => (
          <li key={m.id} data-id={m.id}>
            <span className="who">{m.name} <span className="quiet">{state_of(m)}</span></span>
            {me.moderator && (
              <span className="orders">
                <button type="button" className="plain" aria-label={`Mute ${m.name}`} title="Mute" disabled={m.sources[`${m.id}-a0`]?.muted ?? true} onClick={() => order(conference.mute_other(m.id, 'audio'))}><Icon name="mic_off" size={18} /></button>
                <button type="button" className="plain" aria-label={`Stop ${m.name}’s camera`} title="Stop camera" disabled={m.sources[`${m.id}-v0`]?.muted ?? true} onClick={() => order(conference.mute_other(m.id, 'video'))}><Icon name="camera_off" size={18} /></button>
                <button type="button" className="plain" aria-label={`Remove ${m.name}`} title="Remove from the room" aria-haspopup="dialog" onClick={() => set_removing(m)}><Icon name="kick" size={18} /></button>
              </span>
            )}
          </li>
        ))}
      </ul>
      {removing && (
        <Dialog title={`Remove ${removing.name} from the room?`} on_close={() => set_removing(undefined)}>
          <div className="dialog-bar">
            <button type="button" onClick={() => set_removing(undefined)}>Cancel</button>
            <button type="button" className="primary" data-first onClick={() => { order(conference.kick(removing.id)); set_removing(undefined); }}>Remove</button>
          </div>
        </Dialog>
      )}
    </Panel>
  );
}

function state_of(m: Member): string {
  return [m.moderator ? 'moderator' : '', m.sources[`${m.id}-a0`]?.muted ?? true ? 'muted' : '', m.active ? '' : 'connection lost'].filter(Boolean).join(', ');
}
