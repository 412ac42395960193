// Which pictures a room has, and which of them takes the stage.
import type { Member, RoomState } from '../state';

/** One picture (or face) on screen. */
export interface Picture {
  key: string; // the source's name
  owner: string;
  name: string;
  own: boolean;
  screen: boolean;
  track?: MediaStreamTrack;
  member?: Member;
}

export function pictures_of(state: RoomState): Picture[] {
  const { me } = state;
  const mine: Picture[] = [{ key: `${me.id}-v0`, owner: me.id, name: me.name || 'You', own: true, screen: false, track: state.own_camera }];
  if (me.sharing) mine.push({ key: `${me.id}-v1`, owner: me.id, name: 'Your screen', own: true, screen: true, track: state.own_screen });
  const others = state.members.flatMap((member) => {
    const shown = (name: string) => (member.sources[name] && !member.sources[name].muted ? state.tracks[name]?.track : undefined);
    const screens = Object.entries(member.sources).filter(([n, s]) => s.video_type === 'desktop' && !s.muted && state.tracks[n]);
    return [
      { key: `${member.id}-v0`, owner: member.id, name: member.name, own: false, screen: false, member, track: shown(`${member.id}-v0`) },
      ...screens.map(([n]) => ({ key: n, owner: member.id, name: `${member.name}’s screen`, own: false, screen: true, member, track: state.tracks[n].track })),
    ];
  });
  return [...others, ...mine];
}

/** The pinned one, else a shared screen, else (where the speaker is followed) whoever speaks. */
export function staged_of(pictures: Picture[], pinned: string | undefined, follow: boolean, dominant: string | undefined): Picture | undefined {
  const pin = pictures.find((p) => p.key === pinned);
  const shared = pictures.find((p) => p.screen && !p.own) ?? pictures.find((p) => p.screen);
  const speaker = pictures.find((p) => p.owner === dominant && !p.screen && !p.own);
  return pin ?? shared ?? (follow ? speaker ?? pictures.find((p) => !p.own) ?? pictures[0] : undefined);
}
