// A part of the room that opens and closes: focus goes in, and returns to the button that opens it.
import { useLayoutEffect, useRef } from 'react';
import { Icon } from './icons';

interface PanelProps { id: string; title: string; count?: number; className?: string; on_close(): void; children: React.ReactNode }

export function Panel({ id, title, count, className = 'panel', on_close, children }: PanelProps) {
  const panel = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const node = panel.current!;
    (node.querySelector<HTMLElement>('[data-first]') ?? node).focus();
    return () => {
      if (node.contains(document.activeElement)) opener_of(id)?.focus();
    };
  }, [id]);
  return (
    <aside ref={panel} id={id} className={className} aria-label={title} tabIndex={-1}>
      <header>
        <h2>{title}{count !== undefined && <span className="quiet"> {count}</span>}</h2>
        <button type="button" className="plain" aria-label={`Close ${title.toLowerCase()}`} onClick={on_close}><Icon name="close" /></button>
      </header>
      {children}
    </aside>
  );
}

/** On a narrow screen the button may be in the menu: then the menu's. */
function opener_of(id: string): HTMLElement | undefined {
  return Array.from(document.querySelectorAll<HTMLElement>(`[data-opens=${id}], .toolbar [popovertarget]`)).find((b) => b.checkVisibility());
}
