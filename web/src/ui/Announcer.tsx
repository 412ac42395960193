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
  const [before] = useState(announcements[announcements.length - 1]?.id ?? 0); // said before this page was there
  const shown = announcements.filter((a) => a.id > before && a.kind !== 'quiet' && !(a.kind === 'chat' && chat_open)).slice(-kAtOnce);
  return <div className="toasts" aria-hidden="true">{shown.map((a) => <Toast key={a.id} text={a.text} />)}</div>;
}

function Toast({ text }: { text: string }) {
  const [over, set_over] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => set_over(true), kShownFor);
    return () => clearTimeout(timer);
  }, []);
  return over ? null : <p><span>{text}</span></p>;
}
