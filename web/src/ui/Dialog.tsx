import { useEffect, useRef } from 'react';

/** A modal: focus goes in, Escape goes out, and focus returns to where it was. */
export function Dialog({ title, on_close, children }: { title: string; on_close(): void; children: React.ReactNode }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const node = dialog.current!;
    const from = document.activeElement as HTMLElement | null;
    if (!node.open) node.showModal();
    node.querySelector<HTMLElement>('[data-first]')?.focus();
    return () => {
      node.close();
      if (from?.isConnected) from.focus();
    };
  }, []);
  return (
    <dialog ref={dialog} aria-label={title} onCancel={(e) => { e.preventDefault(); on_close(); }}>
      <h2>{title}</h2>
      {children}
    </dialog>
  );
}
