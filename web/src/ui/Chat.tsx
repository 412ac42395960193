import { useEffect, useRef, useState } from 'react';
import { useConference, useRoom } from './hooks';
import { Icon } from './icons';
import { with_links } from './links';
import { Panel } from './Panel';

const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

export function Chat({ on_close }: { on_close(): void }) {
  const conference = useConference();
  const { chat } = useRoom();
  const [text, set_text] = useState('');
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => { end.current?.scrollIntoView({ block: 'end' }); }, [chat.length]);
  const send = () => {
    conference.say(text);
    set_text('');
  };
  return (
    <Panel id="chat" title="Chat" on_close={on_close}>
      <div className="lines" role="log" aria-live="off" aria-label="Messages" tabIndex={0}>
        {!chat.length && <p className="quiet">Nothing has been said yet.</p>}
        {chat.map((line, at) => (
          <div key={`${line.from}${line.id}`} className={`line${line.mine ? ' mine' : ''}`}>
            {(at === 0 || chat[at - 1].from !== line.from) && <p className="who">{line.mine ? 'You' : line.name} <time dateTime={new Date(line.at).toISOString()}>{time.format(line.at)}</time></p>}
            <p className="said"><Linked text={line.text} /></p>
          </div>
        ))}
        <div ref={end} />
      </div>
      <form onSubmit={(e) => { e.preventDefault(); send(); }}>
        <textarea data-first name="message" rows={2} value={text} aria-label="Message to everybody" placeholder="Message to everybody" maxLength={4000}
          onChange={(e) => set_text(e.target.value)}
          onKeyDown={(e) => { if (e.key === 'Enter' && !e.shiftKey && !e.nativeEvent.isComposing) { e.preventDefault(); send(); } }} />
        <button type="submit" className="primary round" aria-label="Send" disabled={!text.trim()}><Icon name="send" size={18} /></button>
      </form>
    </Panel>
  );
}

function Linked({ text }: { text: string }) {
  return with_links(text).map((part, at) =>
    part.href ? <a key={at} href={part.href} target="_blank" rel="noopener noreferrer nofollow">{part.text}</a> : part.text);
}
