// Places the pictures, and tells the bridge which of them are on screen and how large.
import { useEffect, useRef } from 'react';
import type { Shown } from '../bridge/constraints';
import type { RoomState } from '../state';
import { useConference, useSize } from './hooks';
import { best_grid } from './layout';
import type { Picture } from './pictures';
import { Tile } from './Tile';

interface FloorProps { pictures: Picture[]; staged?: Picture; state: RoomState; pinned?: string; on_pin(key: string): void }

const kGap = 10;
const kStrip = 120;

export function Floor({ pictures, staged, state, pinned, on_pin }: FloorProps) {
  const conference = useConference();
  const ref = useRef<HTMLDivElement>(null);
  const { width, height } = useSize(ref);
  const rest = staged ? pictures.filter((p) => p.key !== staged.key) : pictures;
  const grid = best_grid(rest.length, width, height, kGap);
  const wanted = JSON.stringify(pictures.filter((p) => !p.own && p.track).map((p): Shown => ({
    source: p.key,
    height: Math.round((p.key === staged?.key ? Math.max(0, height - (rest.length ? kStrip : 0)) : staged ? kStrip : grid.height) * devicePixelRatio),
    stage: p.key === staged?.key,
  })));
  useEffect(() => conference.set_shown(JSON.parse(wanted) as Shown[]), [conference, wanted]);

  const tile = (p: Picture, style?: React.CSSProperties) => (
    <Tile key={p.key} picture={p} style={style} pinned={pinned === p.key} on_pin={() => on_pin(p.key)}
      dominant={state.dominant === p.owner && !p.screen} speaking={!p.screen && state.speaking.includes(p.owner)} me={state.me} />
  );
  return (
    <div ref={ref} className={staged ? 'stage' : 'grid'}>
      {staged ? (
        <>
          <div className="stage-main">{tile(staged)}</div>
          {rest.length > 0 && <div className="strip" role="group" aria-label="Other people" tabIndex={0}>{rest.map((p) => tile(p))}</div>}
        </>
      ) : rest.map((p) => tile(p, { inlineSize: grid.width, blockSize: grid.height }))}
    </div>
  );
}
