import { useEffect, useState } from 'react';
import type { Report, StreamRow } from '../media/stats';
import { useConference, useRoom } from './hooks';
import { Icon } from './icons';

const kilo = (bps: number) => (bps >= 1e6 ? `${(bps / 1e6).toFixed(2)} Mb/s` : `${Math.round(bps / 1e3)} kb/s`);

/** For engineers: what each stream does, and over which path. */
export function Overlay({ on_close }: { on_close(): void }) {
  const conference = useConference();
  const { channel, media, me, downlink_bps, members } = useRoom();
  const [report, set_report] = useState<Report | undefined>(conference.report);
  useEffect(() => {
    const timer = setInterval(() => set_report(conference.report), 1000);
    return () => clearInterval(timer);
  }, [conference]);
  const name_of = (row: StreamRow) => (row.direction === 'out' ? 'you' : members.find((m) => m.id === row.owner)?.name ?? row.owner);
  const { path } = report ?? {};
  const offer = conference.session?.offer;
  return (
    <section className="overlay" aria-label="Streams" tabIndex={0} onKeyDown={(e) => e.key === 'Escape' && on_close()}>
      <header><h2>Streams</h2><button type="button" className="plain" aria-label="Close streams" onClick={on_close}><Icon name="close" size={18} /></button></header>
      <dl>
        <dt>Endpoint</dt><dd>{me.id}</dd>
        <dt>Bridge session</dt><dd>{offer?.bridge_session ?? '–'}{offer?.region ? ` in ${offer.region}` : ''}</dd>
        <dt>Media</dt><dd>{media}</dd>
        <dt>Channel</dt><dd>{channel}{downlink_bps ? `, estimate ${kilo(downlink_bps)}` : ''}</dd>
        <dt>Path</dt><dd>{path ? `${path.local} → ${path.remote} (${path.protocol})` : '–'}</dd>
        <dt>RTT</dt><dd>{path?.rtt_ms !== undefined ? `${path.rtt_ms} ms` : '–'}</dd>
        <dt>Up estimate</dt><dd>{path?.available_out ? kilo(path.available_out) : '–'}</dd>
        <dt>Keys</dt><dd>{[path?.dtls, path?.srtp].filter(Boolean).join(', ') || '–'}</dd>
        <dt>Join</dt><dd>{conference.steps.slice(0, 12).map((s) => `${s.name} ${Math.round(s.at)}`).join(' · ')} ms</dd>
      </dl>
      <table>
        <thead><tr>{['', 'Who', 'Source', 'SSRC', 'Codec', 'Layer', 'Size', 'fps', 'Rate', 'Loss', 'Jitter', 'RTT', 'Frames'].map((h, i) => <th key={h || i} scope="col">{h || <span className="visually-hidden">Direction</span>}</th>)}</tr></thead>
        <tbody>
          {report?.rows.map((r) => (
            <tr key={r.key} data-direction={r.direction} data-media={r.media} data-source={r.source}>
              <td aria-label={r.direction === 'in' ? 'received' : 'sent'}>{r.direction === 'in' ? '↓' : '↑'}</td>
              <td>{name_of(r)}</td><td>{r.source}</td><td>{r.ssrc}</td><td>{r.codec}</td><td>{r.layer ?? '–'}</td>
              <td>{r.width ? `${r.width}×${r.height}` : '–'}</td><td>{r.fps ?? '–'}</td><td>{kilo(r.bitrate)}</td>
              <td>{(r.loss * 100).toFixed(1)} %</td><td>{r.jitter_ms !== undefined ? `${r.jitter_ms} ms` : '–'}</td>
              <td>{r.rtt_ms !== undefined ? `${r.rtt_ms} ms` : '–'}</td><td>{r.media === 'video' ? r.frames : '–'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
