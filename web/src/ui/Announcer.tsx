// What happens, said by a live region, and shown for a moment.
import { useEffect, useState } from 'react';
import { useRoom } from './hooks';

/** Each announcement is an element of its own: the same words twice are said twice, and none overwrites another. */
export function Announcer() {
  const { announcements } = useRoom();
  return (
    <div className="visually-hidden" role="status" aria-live="polite" aria-atomic="false" aria-relevant="additions">
      {announcements.map((a) => <p key={a.id}>{a.text}</p>)}
    </div>
  );
}

const kShownFor = 5_000; // ms
const kAtOnce = 3;

export function Toasts({ chat_open }: { chat_open: boolean }) {
  const { announcements } = useRoom();
  const shown = announcements.filter((a) => a.kind === 'shown' || (a.kind === 'chat' && !chat_open)).slice(-kAtOnce);
  return <div className="toasts" aria-hidden="true">{shown.map((a) => <Toast key={a.id} text={a.text} until={a.at + kShownFor} />)}</div>;
}

function Toast({ text, until }: { text: string; until: number }) {
  const [over, set_over] = useState(Date.now() >= until);
  useEffect(() => {
    const timer = setTimeout(() => set_over(true), until - Date.now());
    return () => clearTimeout(timer);
  }, [until]);
  return over ? null : <p><span>{text}</span></p>;
}
