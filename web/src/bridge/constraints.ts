// What is on screen decides what the bridge is asked for.
import type { ReceiverVideoConstraints } from './messages';

/** A picture on screen: its source, its height in device pixels, and whether it has the stage. */
export interface Shown { source: string; height: number; stage: boolean }

const steps = [180, 360, 720, 1080, 2160];

/** The next usual height: a tile of 190 pixels is not worth a stream of 360. */
export function wanted_height(pixels: number): number {
  if (pixels <= 0) return 0;
  return steps.find((s) => pixels <= s * 1.2) ?? steps[steps.length - 1];
}

export function constraints_for(shown: Shown[]): ReceiverVideoConstraints {
  const ordered = [...shown].sort((a, b) => Number(b.stage) - Number(a.stage) || a.source.localeCompare(b.source));
  return {
    lastN: -1,
    selectedSources: [],
    onStageSources: ordered.filter((s) => s.stage).map((s) => s.source),
    defaultConstraints: { maxHeight: 0 },
    constraints: Object.fromEntries(ordered.map((s) => [s.source, { maxHeight: wanted_height(s.height), maxFrameRate: 30 }])),
  };
}
