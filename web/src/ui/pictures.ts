// Which pictures a room has, and which of them takes the stage.
import type { Member, RoomState } from '../state';

/** One picture (or face) on screen. */
export interface Picture {
  key: string; // the source's name
  owner: string;
  name: string;
  own: boolean;
  screen: boolean;
  /** There is a picture to be had, though its track may be yet to come: the bridge says whose it is when it sends it. */
  sends: boolean;
  track?: MediaStreamTrack;
  member?: Member;
}

export function pictures_of(state: RoomState): Picture[] {
  const { me } = state;
  const mine: Picture[] = [{ key: `${me.id}-v0`, owner: me.id, name: me.name || 'You', own: true, screen: false, sends: !me.video_muted, track: state.own_camera }];
  if (me.sharing) mine.push({ key: `${me.id}-v1`, owner: me.id, name: 'Your screen', own: true, screen: true, sends: true, track: state.own_screen });
  const others = state.members.flatMap((member) => {
    const picture = (key: string, name: string, screen: boolean): Picture => {
      const sends = !!member.sources[key] && !member.sources[key].muted;
      return { key, owner: member.id, name, own: false, screen, member, sends, track: sends ? state.tracks[key]?.track : undefined };
    };
    const screens = Object.entries(member.sources).filter(([, s]) => s.video_type === 'desktop' && !s.muted);
    return [picture(`${member.id}-v0`, member.name, false), ...screens.map(([n]) => picture(n, `${member.name}’s screen`, true))];
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
