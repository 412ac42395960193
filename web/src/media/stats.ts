// getStats of one session, as rows that an engineer reads.
import type { Lines } from '../jingle/lines';

export interface StreamRow {
  key: string;
  direction: 'in' | 'out';
  media: string;
  source: string;
  owner: string;
  ssrc: number;
  codec: string;
  width?: number;
  height?: number;
  fps?: number;
  bitrate: number; // bit/s since the last sample
  loss: number; // share of packets since the last sample, 0 to 1
  jitter_ms?: number;
  rtt_ms?: number;
  frames: number; // decoded or encoded so far
  packets: number;
  layer?: string;
  limited_by?: string;
  freezes?: number;
  audio_level?: number;
}
export interface PathRow { local: string; remote: string; protocol: string; rtt_ms?: number; available_out?: number; dtls?: string; srtp?: string }
export interface Report { at: number; rows: StreamRow[]; path?: PathRow }
/** 0 (bad) to 3 (good). */
export type Quality = 0 | 1 | 2 | 3;

type Stat = Record<string, never> & { id: string; type: string; timestamp: number };

export class StatsReader {
  private before = new Map<string, { at: number; bytes: number; packets: number; lost: number; frames: number }>();

  async read(pc: RTCPeerConnection, lines: Lines, own: { endpoint: string; encoding_of(ssrc: number): { index: number; count: number } | undefined }): Promise<Report> {
    const stats = new Map<string, Stat>();
    (await pc.getStats()).forEach((s: Stat) => stats.set(s.id, s));
    const rows: StreamRow[] = [];
    for (const s of stats.values())
      if (s.type === 'inbound-rtp' || s.type === 'outbound-rtp') {
        const row = this.row(s as never, stats, lines, own.endpoint);
        const encoding = row?.direction === 'out' ? own.encoding_of(row.ssrc) : undefined;
        if (row && encoding) row.layer = [`${encoding.index + 1}/${encoding.count}`, row.layer].filter(Boolean).join(' ');
        if (row) rows.push(row);
      }
    rows.sort((a, b) => a.direction.localeCompare(b.direction) * -1 || a.source.localeCompare(b.source) || (a.layer ?? '').localeCompare(b.layer ?? ''));
    return { at: performance.now(), rows, path: path_of(stats) };
  }

  private row(s: any, stats: Map<string, any>, lines: Lines, endpoint: string): StreamRow | undefined {
    const line = lines.of_mid(s.mid ?? null);
    const inbound = s.type === 'inbound-rtp';
    if (inbound && line?.use.kind !== 'remote') return undefined; // the bridge's own feedback source
    const source = line?.use.kind === 'remote' ? line.use.source.name
      : `${endpoint}-${line?.use.kind === 'own' && line.use.name === 'screen' ? 'v1' : s.kind === 'audio' ? 'a0' : 'v0'}`;
    const reported = [...stats.values()].find((r) => r.type === 'remote-inbound-rtp' && r.localId === s.id);
    const bytes = inbound ? s.bytesReceived : s.bytesSent;
    const packets = (inbound ? s.packetsReceived : s.packetsSent) ?? 0;
    const lost = (inbound ? s.packetsLost : reported?.packetsLost) ?? 0;
    const frames = (inbound ? s.framesDecoded : s.framesEncoded) ?? 0;
    const last = this.before.get(s.id);
    this.before.set(s.id, { at: s.timestamp, bytes, packets, lost, frames });
    const seconds = last ? Math.max(0.001, (s.timestamp - last.at) / 1000) : 0;
    const new_packets = last ? packets - last.packets : 0;
    const new_lost = last ? Math.max(0, lost - last.lost) : 0;
    const codec = stats.get(s.codecId);
    return {
      key: s.id, direction: inbound ? 'in' : 'out', media: s.kind, source, owner: source.split('-')[0], ssrc: s.ssrc,
      codec: codec ? String(codec.mimeType).split('/')[1] : '',
      width: s.frameWidth, height: s.frameHeight,
      fps: s.kind === 'video' ? (seconds ? Math.round(((frames - last!.frames) / seconds) * 10) / 10 : s.framesPerSecond) : undefined,
      bitrate: seconds ? Math.round(((bytes - last!.bytes) * 8) / seconds) : 0,
      loss: new_lost && new_lost + new_packets ? new_lost / (new_lost + new_packets) : 0,
      jitter_ms: inbound ? Math.round((s.jitter ?? 0) * 1000) : reported?.jitter !== undefined ? Math.round(reported.jitter * 1000) : undefined,
      rtt_ms: reported?.roundTripTime !== undefined ? Math.round(reported.roundTripTime * 1000) : undefined,
      frames, packets, layer: s.rid ?? s.scalabilityMode, limited_by: s.qualityLimitationReason, freezes: s.freezeCount,
      audio_level: s.audioLevel,
    };
  }
}

function path_of(stats: Map<string, any>): PathRow | undefined {
  const transport = [...stats.values()].find((s) => s.type === 'transport');
  const pair = transport && stats.get(transport.selectedCandidatePairId);
  if (!pair) return undefined;
  const show = (c: any) => (c ? `${c.candidateType} ${c.address ?? c.ip ?? '?'}:${c.port}` : '?');
  return {
    local: show(stats.get(pair.localCandidateId)),
    remote: show(stats.get(pair.remoteCandidateId)),
    protocol: stats.get(pair.localCandidateId)?.protocol ?? 'udp',
    rtt_ms: pair.currentRoundTripTime !== undefined ? Math.round(pair.currentRoundTripTime * 10000) / 10 : undefined,
    available_out: pair.availableOutgoingBitrate,
    dtls: transport.tlsVersion === 'FEFD' ? 'DTLS 1.2' : transport.tlsVersion === 'FEFC' ? 'DTLS 1.3' : transport.tlsVersion,
    srtp: transport.srtpCipher,
  };
}

export function quality_of(report: Report): Quality {
  const rtt = report.path?.rtt_ms ?? 0;
  const loss = Math.max(0, ...report.rows.map((r) => r.loss));
  if (loss > 0.15 || rtt > 800) return 0;
  if (loss > 0.06 || rtt > 400) return 1;
  if (loss > 0.02 || rtt > 200) return 2;
  return 3;
}

/** As others tell theirs: 0 to 100. Undefined for what is no number. */
export function quality_of_percent(told: unknown): Quality | undefined {
  const percent = Number(told ?? NaN);
  return Number.isFinite(percent) ? (Math.max(0, Math.min(3, Math.round(percent / 33.4))) as Quality) : undefined;
}
