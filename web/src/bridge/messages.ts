// What is said on the bridge channel: JSON, the type in `colibriClass`.
import { parse_mapped, type Source } from '../jingle/sources';

export interface VideoConstraint { maxHeight: number; maxFrameRate?: number }
export interface ReceiverVideoConstraints {
  lastN: number;
  selectedSources: string[];
  onStageSources: string[];
  defaultConstraints: VideoConstraint;
  constraints: Record<string, VideoConstraint>;
}

export type FromBridge =
  | { kind: 'hello'; version?: string }
  | { kind: 'dominant'; endpoint: string; previous: string[]; silence: boolean }
  | { kind: 'connectivity'; endpoint: string; active: boolean }
  | { kind: 'forwarded'; sources: string[] }
  | { kind: 'send_at_most'; source: string; height: number }
  | { kind: 'bandwidth'; bps: number }
  | { kind: 'mapped'; sources: Source[] }
  | { kind: 'stats'; from: string; stats: Record<string, unknown> }
  | { kind: 'endpoint'; from: string; payload: unknown };

const strings = (value: unknown): string[] => (Array.isArray(value) ? value.filter((v) => typeof v === 'string') : []);

/** Undefined for what we do not know or cannot read: a newer bridge may say more. */
export function parse_message(text: string): FromBridge | undefined {
  let m: Record<string, unknown>;
  try {
    m = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof m !== 'object' || m === null) return undefined;
  switch (m.colibriClass) {
    case 'ServerHello':
      return { kind: 'hello', version: typeof m.version === 'string' ? m.version : undefined };
    case 'DominantSpeakerEndpointChangeEvent':
      return { kind: 'dominant', endpoint: String(m.dominantSpeakerEndpoint ?? ''), previous: strings(m.previousSpeakers), silence: m.silence === true };
    case 'EndpointConnectivityStatusChangeEvent':
      return { kind: 'connectivity', endpoint: String(m.endpoint ?? ''), active: m.active === 'true' || m.active === true };
    case 'ForwardedSources':
      return { kind: 'forwarded', sources: strings(m.forwardedSources) };
    case 'VideoSourcesMap':
      return { kind: 'mapped', sources: parse_mapped('video', m.mappedSources) };
    case 'AudioSourcesMap':
      return { kind: 'mapped', sources: parse_mapped('audio', m.mappedSources) };
    case 'SenderSourceConstraints':
      return typeof m.maxHeight === 'number' ? { kind: 'send_at_most', source: String(m.sourceName ?? ''), height: m.maxHeight } : undefined;
    case 'ConnectionStats':
      return typeof m.estimatedDownlinkBandwidth === 'number' ? { kind: 'bandwidth', bps: m.estimatedDownlinkBandwidth } : undefined;
    case 'EndpointStats':
      return { kind: 'stats', from: String(m.from ?? ''), stats: m };
    case 'EndpointMessage':
      return { kind: 'endpoint', from: String(m.from ?? ''), payload: m.msgPayload };
    default:
      return undefined;
  }
}

export const to_bridge = {
  constraints: (c: ReceiverVideoConstraints) => ({ colibriClass: 'ReceiverVideoConstraints', ...c }),
  video_type: (sourceName: string, videoType: 'camera' | 'desktop' | 'none') => ({ colibriClass: 'SourceVideoTypeMessage', sourceName, videoType }),
  endpoint: (to: string, msgPayload: unknown) => ({ colibriClass: 'EndpointMessage', to, msgPayload }),
  stats: (stats: Record<string, unknown>) => ({ colibriClass: 'EndpointStats', ...stats }),
};
