import { createContext, useContext, useEffect, useState, useSyncExternalStore } from 'react';
import type { Conference } from '../conference';
import type { Branding } from '../config';
import type { RoomState } from '../state';

export const ConferenceContext = createContext<Conference>(undefined as never);
export const BrandingContext = createContext<Branding>(undefined as never);
export const useConference = () => useContext(ConferenceContext);
export const useBranding = () => useContext(BrandingContext);

export function useRoom(): RoomState {
  const { store } = useConference();
  return useSyncExternalStore(store.subscribe, () => store.state);
}

/** One key does one thing, but never while somebody types. Escape is told where it was pressed, unless a dialog or menu takes it. */
export function useShortcuts(actions: Record<string, () => void>, escape: (from: Element) => void): void {
  useEffect(() => {
    const on_key = (e: KeyboardEvent) => {
      const target = e.target as HTMLElement;
      if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing || document.querySelector('dialog[open], :popover-open')) return;
      if (e.key === 'Escape') return escape(target);
      if (target.closest('input, textarea, select')) return;
      const action = actions[e.key.toLowerCase()];
      if (!action || e.repeat) return;
      e.preventDefault();
      action();
    };
    window.addEventListener('keydown', on_key);
    return () => window.removeEventListener('keydown', on_key);
  });
}

/** The size of an element, as it changes. */
export function useSize(ref: React.RefObject<HTMLElement | null>): { width: number; height: number } {
  const [size, set_size] = useState({ width: 0, height: 0 });
  useEffect(() => {
    if (!ref.current) return;
    const observer = new ResizeObserver(([entry]) => set_size({ width: entry.contentRect.width, height: entry.contentRect.height }));
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, [ref]);
  return size;
}
