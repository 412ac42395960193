// Places the pictures, and tells the bridge which of them are on screen and how large.
import { useEffect, useRef } from 'react';
import type { Shown } from '../bridge/constraints';
import type { RoomState } from '../state';
import { useConference, useSize } from './hooks';
import { best_grid, how_many_fit, pick } from './layout';
import type { Picture } from './pictures';
import { sealed_note } from './Encryption';
import { Tile } from './Tile';

interface FloorProps { pictures: Picture[]; staged?: Picture; state: RoomState; pinned?: string; on_pin(key: string): void; on_others(): void }

const kGap = 10;
const kStrip = 120;
const kMostInStrip = 12;

export function Floor({ pictures, staged, state, pinned, on_pin, on_others }: FloorProps) {
  const conference = useConference();
  const ref = useRef<HTMLDivElement>(null);
  const { width, height } = useSize(ref);
  const urgency = (p: Picture) => (p.owner === state.dominant ? 3 : p.own ? 2 : p.sends ? 1 : 0);
  const all = staged ? pictures.filter((p) => p.key !== staged.key) : pictures;
  const rest = pick(all, staged ? kMostInStrip : how_many_fit(width, height), urgency);
  const others = all.length - rest.length;
  const grid = best_grid(rest.length + (others ? 1 : 0), width, height, kGap);
  const size = { inlineSize: grid.width, blockSize: grid.height };
  const wanted = JSON.stringify([...(staged ? [staged] : []), ...rest].filter((p) => !p.own && p.sends).map((p): Shown => ({
    source: p.key,
    height: Math.round((p.key === staged?.key ? Math.max(0, height - (rest.length ? kStrip : 0)) : staged ? kStrip : grid.height) * devicePixelRatio),
    stage: p.key === staged?.key,
  })));
  useEffect(() => conference.set_shown(JSON.parse(wanted) as Shown[]), [conference, wanted]);

  const tile = (p: Picture, style?: React.CSSProperties) => (
    <Tile key={p.key} picture={p} sealed={sealed_note(state, p.member, p.track)} style={style} pinned={pinned === p.key} on_pin={() => on_pin(p.key)}
      dominant={state.dominant === p.owner && !p.screen} speaking={!p.screen && state.speaking.includes(p.owner)} me={state.me} />
  );
  const note = (style?: React.CSSProperties) => others > 0 && (
    <button type="button" className="others" style={style} aria-label={`${others} others: show everybody’s names`} onClick={on_others}>+{others}</button>
  );
  return (
    <div ref={ref} className={staged ? 'stage' : 'grid'}>
      {staged ? (
        <>
          <div className="stage-main">{tile(staged)}</div>
          {rest.length > 0 && <div className="strip" role="group" aria-label="Other people" tabIndex={0}>{rest.map((p) => tile(p))}{note()}</div>}
        </>
      ) : (
        <>
          {rest.map((p) => tile(p, size))}
          {note(size)}
        </>
      )}
    </div>
  );
}
