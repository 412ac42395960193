import { useEffect, useRef, useState } from 'react';
import { useConference, useRoom } from './hooks';
import { Icon } from './icons';

const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

export function Chat({ on_close }: { on_close(): void }) {
  const conference = useConference();
  const { chat } = useRoom();
  const [text, set_text] = useState('');
  const end = useRef<HTMLDivElement>(null);
  const input = useRef<HTMLTextAreaElement>(null);
  useEffect(() => { end.current?.scrollIntoView({ block: 'end' }); }, [chat.length]);
  useEffect(() => { input.current?.focus(); }, []);
  const send = () => {
    conference.say(text);
    set_text('');
  };
  return (
    <aside className="panel" aria-label="Chat" onKeyDown={(e) => e.key === 'Escape' && on_close()}>
      <header><h2>Chat</h2><button type="button" className="plain" aria-label="Close chat" onClick={on_close}><Icon name="close" /></button></header>
      <div className="lines" role="log" aria-live="polite" aria-label="Messages" tabIndex={0}>
        {!chat.length && <p className="quiet">Nothing has been said yet.</p>}
        {chat.map((line, at) => (
          <div key={`${line.from}${line.id}`} className={`line${line.mine ? ' mine' : ''}`}>
            {(at === 0 || chat[at - 1].from !== line.from) && <p className="who">{line.mine ? 'You' : line.name} <time dateTime={new Date(line.at).toISOString()}>{time.format(line.at)}</time></p>}
            <p className="said">{line.text}</p>
          </div>
        ))}
        <div ref={end} />
      </div>
      <form onSubmit={(e) => { e.preventDefault(); send(); }}>
        <textarea ref={input} name="message" rows={2} value={text} aria-label="Message to everybody" placeholder="Message to everybody" maxLength={4000}
          onChange={(e) => set_text(e.target.value)}
          onKeyDown={(e) => { if (e.key === 'Enter' && !e.shiftKey && !e.nativeEvent.isComposing) { e.preventDefault(); send(); } }} />
        <button type="submit" className="primary round" aria-label="Send" disabled={!text.trim()}><Icon name="send" size={18} /></button>
      </form>
    </aside>
  );
}
