// For engineers: what each stream does, and over which path. A table where there is room, a card a stream where there is not.
import { useEffect, useState } from 'react';
import { wanted_height } from '../bridge/constraints';
import type { Report, StreamRow } from '../media/stats';
import type { RoomState } from '../state';
import { useConference, useRoom } from './hooks';
import { Panel } from './Panel';

const rate = (bps: number) => (bps >= 1e6 ? `${(bps / 1e6).toFixed(2)} Mb/s` : `${Math.round(bps / 1e3)} kb/s`);
const ms = (value: number | undefined) => (value === undefined ? undefined : `${value} ms`);

export function Overlay({ on_close }: { on_close(): void }) {
  const conference = useConference();
  const state = useRoom();
  const [report, set_report] = useState<Report | undefined>(conference.report);
  useEffect(() => {
    const timer = setInterval(() => set_report(conference.report), 1000);
    return () => clearInterval(timer);
  }, [conference]);
  return (
    <Panel id="streams" title="Streams" className="overlay" on_close={on_close}>
      <div className="overlay-body" tabIndex={0} role="region" aria-label="Figures">
        <Facts report={report} state={state} />
        {report?.rows.length ? <Streams report={report} state={state} /> : <p className="quiet">No stream flows yet.</p>}
        <h3>Join</h3>
        <ol className="steps">{conference.steps.slice(0, 14).map((s, at) => <li key={at}>{s.name} <b>{Math.round(s.at)}</b></li>)}</ol>
      </div>
    </Panel>
  );
}

function Facts({ report, state }: { report?: Report; state: RoomState }) {
  const conference = useConference();
  const { path } = report ?? {};
  const offer = conference.session?.offer;
  const facts: [string, string | undefined][] = [
    ['Media', state.media],
    ['Bridge channel', state.channel],
    ['RTT', ms(path?.rtt_ms)],
    ['Estimate down', state.downlink_bps ? rate(state.downlink_bps) : undefined],
    ['Estimate up', path?.available_out ? rate(path.available_out) : undefined],
    ['Endpoint', state.me.id],
    ['Bridge session', offer && [offer.bridge_session, offer.region].filter(Boolean).join(' in ')],
    ['Keys', [path?.dtls, path?.srtp].filter(Boolean).join(', ')],
    ['Path', path && `${path.local} → ${path.remote} (${path.protocol})`],
  ];
  return <dl>{facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value || '–'}</dd></div>)}</dl>;
}

/** Column heads, and what a row has there. Nothing where the figure does not apply. */
function columns(state: RoomState, asked: Record<string, number>, path_rtt: number | undefined): [string, (r: StreamRow) => string | undefined][] {
  const layer = (r: StreamRow) => {
    if (r.direction === 'out') return r.layer;
    if (r.media !== 'video') return undefined;
    if (state.forwarded && !state.forwarded.includes(r.source)) return 'not forwarded';
    return asked[r.source] === undefined ? 'not on screen' : `asked ${wanted_height(asked[r.source])}p`;
  };
  return [
    ['Who', (r) => (r.direction === 'out' ? 'you' : state.members.find((m) => m.id === r.owner)?.name ?? r.owner)],
    ['Source', (r) => r.source],
    ['SSRC', (r) => String(r.ssrc)],
    ['Codec', (r) => r.codec],
    ['Layer', layer],
    ['Size', (r) => (r.width ? `${r.width}×${r.height}` : undefined)],
    ['fps', (r) => r.fps?.toFixed(1)],
    ['Rate', (r) => rate(r.bitrate)],
    ['Loss', (r) => `${(r.loss * 100).toFixed(1)} %`],
    ['Jitter', (r) => ms(r.jitter_ms)],
    ['RTT', (r) => ms(r.rtt_ms ?? path_rtt)],
    ['Frames', (r) => (r.media === 'video' ? String(r.frames) : undefined)],
    ['Remarks', (r) => [r.limited_by && r.limited_by !== 'none' ? `limited by ${r.limited_by}` : '', r.freezes ? `${r.freezes} freezes` : ''].filter(Boolean).join(', ') || undefined],
  ];
}

// The roles are said outright: as cards the table loses those that its elements bring.
function Streams({ report, state }: { report: Report; state: RoomState }) {
  const { shown } = useConference();
  const all = columns(state, Object.fromEntries(shown.map((s) => [s.source, s.height])), report.path?.rtt_ms);
  return (
    <table role="table" aria-label="Streams">
      <thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col"><span className="visually-hidden">Direction</span></th>
        {all.map(([name]) => <th key={name} role="columnheader" scope="col">{name}</th>)}</tr></thead>
      <tbody role="rowgroup">
        {report.rows.map((r) => (
          <tr key={r.key} role="row" data-direction={r.direction} data-media={r.media} data-source={r.source}>
            <td role="cell"><span aria-hidden="true">{r.direction === 'in' ? '↓' : '↑'}</span><span className="visually-hidden">{r.direction === 'in' ? 'received' : 'sent'}</span></td>
            {all.map(([name, value]) => {
              const text = value(r);
              return <td key={name} role="cell" data-name={name} className={text ? undefined : 'none'}>{text ?? '–'}</td>;
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
