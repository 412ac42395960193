// What the page shows: one immutable state, replaced at each change.
import type { ChannelState } from './bridge/channel';
import type { Source } from './jingle/sources';
import type { MediaState } from './jingle/session';
import type { Chosen } from './media/devices';
import type { Quality } from './media/stats';
import type { SourceState } from './xmpp/muc';

export interface Member {
  id: string;
  name: string;
  moderator: boolean;
  sources: Record<string, SourceState>;
  /** False while the bridge hears nothing of this person. */
  active: boolean;
  quality?: Quality;
  /** Seals its frames end to end. */
  encrypted: boolean;
}
/** `late`: it was said before we came. */
export interface ChatLine { id: string; from: string; name: string; text: string; at: number; mine: boolean; late: boolean }
/** `quiet` is only said; the others are also seen for a moment, `chat` unless the chat is open. */
export interface Announcement { id: number; at: number; text: string; kind: 'quiet' | 'shown' | 'chat' }
export interface RemoteTrack { source: Source; track: MediaStreamTrack }

export type Phase = 'idle' | 'joining' | 'password' | 'joined' | 'reconnecting' | 'ended';

export interface RoomState {
  phase: Phase;
  /** Why it ended, or what went wrong: a sentence for the person. */
  notice: string;
  /** Said aloud by screen readers, and shown for a moment where it is worth seeing. The last few. */
  announcements: Announcement[];
  wrong_password: boolean;
  room: string;
  locked: boolean;
  me: { id: string; name: string; moderator: boolean; audio_muted: boolean; video_muted: boolean; sharing: boolean; quality: Quality };
  chosen: Chosen;
  own_camera?: MediaStreamTrack;
  own_screen?: MediaStreamTrack;
  own_microphone?: MediaStreamTrack;
  members: Member[];
  tracks: Record<string, RemoteTrack>;
  /** Endpoint ids: who has the floor, and who is heard at this moment. */
  dominant?: string;
  speaking: string[];
  channel: ChannelState;
  media: 'waiting' | MediaState;
  bridge_missing: boolean;
  /** The browser itself says that it has no network. */
  offline: boolean;
  forwarded?: string[];
  chat: ChatLine[];
  /** Lines that others have said while we were here; what is read of them is for the page to know. */
  chat_heard: number;
  downlink_bps?: number;
  /** What we send is sealed end to end; ids of tracks whose frames our key does not open. */
  encrypted: boolean;
  unreadable: string[];
}

export const initial_state: RoomState = {
  phase: 'idle', notice: '', announcements: [], wrong_password: false, room: '', locked: false,
  me: { id: '', name: '', moderator: false, audio_muted: false, video_muted: false, sharing: false, quality: 3 },
  chosen: {}, members: [], tracks: {}, speaking: [], channel: 'none', media: 'waiting', bridge_missing: false, offline: false, chat: [], chat_heard: 0,
  encrypted: false, unreadable: [],
};

const kKeptAnnouncements = 6;

export class Store {
  private spoken = 0;
  private listeners = new Set<() => void>();
  state: RoomState = initial_state;
  set = (change: Partial<RoomState>): void => {
    this.state = { ...this.state, ...change };
    for (const listener of this.listeners) listener();
  };
  set_me = (change: Partial<RoomState['me']>): void => this.set({ me: { ...this.state.me, ...change } });
  set_member = (id: string, change: Partial<Member>): void => {
    if (!this.state.members.some((m) => m.id === id)) return;
    this.set({ members: this.state.members.map((m) => (m.id === id ? { ...m, ...change } : m)) });
  };
  announce = (text: string, kind: Announcement['kind'] = 'quiet'): void =>
    this.set({ announcements: [...this.state.announcements, { id: ++this.spoken, at: Date.now(), text, kind }].slice(-kKeptAnnouncements) });
  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
}
