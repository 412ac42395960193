// The m-lines of one session. They never shrink and never move: the index of a line is its mid. A line whose source has
// gone becomes free and may carry the next source of its kind; one whose SSRCs the bridge lends keeps them, and changes its source.
import { is_bridge_source, type MediaKind, type Source } from './sources';

export type Use =
  | { kind: 'own'; name: 'microphone' | 'camera' | 'screen'; feedback?: Source }
  | { kind: 'remote'; source: Source }
  | { kind: 'idle'; source: Source } // SSRCs of the bridge that stand for nobody now
  | { kind: 'free' }
  | { kind: 'data' };
export interface Line { mid: string; media: MediaKind | 'application'; use: Use }

/** More sources than this are left out: a browser's session becomes slow long before. */
export const kMaxLines = 256;

export class Lines {
  readonly all: Line[] = [];

  /** The first lines are ours (with the bridge's own source, so that no other's ever owns them), then data, then the others'. */
  constructor(sources: Source[], media: MediaKind[], with_data: boolean) {
    for (const kind of media)
      this.append(kind, {
        kind: 'own',
        name: kind === 'audio' ? 'microphone' : 'camera',
        feedback: sources.find((s) => s.kind === kind && is_bridge_source(s)),
      });
    if (with_data) this.append('application', { kind: 'data' });
    this.add(sources);
  }

  /** The lines that carry new sources. Known sources are updated in place. */
  add(sources: Source[]): void {
    for (const source of sources) {
      if (is_bridge_source(source)) continue;
      const known = this.of_source(source.name);
      if (known) {
        known.use = { kind: 'remote', source: merge(known.use.kind === 'remote' ? known.use.source : source, source) };
        continue;
      }
      this.take(source.kind, { kind: 'remote', source });
    }
  }

  /** Frees lines whose SSRCs have all gone. Returns the names that went. */
  remove(sources: Source[]): string[] {
    const gone: string[] = [];
    for (const source of sources) {
      const line = this.of_source(source.name);
      if (!line || line.use.kind !== 'remote') continue;
      const left = without(line.use.source, source);
      if (left.ssrcs.length) {
        line.use = { kind: 'remote', source: left };
      } else {
        line.use = { kind: 'free' };
        gone.push(source.name);
      }
    }
    return gone;
  }

  /** The bridge's SSRCs stand for these sources from now on. True where the browser has to hear of new lines. */
  map(mapped: Source[]): boolean {
    let is_new = false;
    for (const source of mapped) {
      let line = this.all.find((l) => l.media === source.kind && lent_ssrc(l.use) === source.ssrcs[0].ssrc);
      const before = this.of_source(source.name);
      if (before && before !== line && before.use.kind === 'remote') before.use = { kind: 'idle', source: before.use.source };
      if (!line || !same_ssrcs(line.use, source)) is_new = true;
      line ??= this.take(source.kind, { kind: 'remote', source });
      if (line) line.use = { kind: 'remote', source: { ...source, stream: `lent-${line.mid}` } };
    }
    return is_new;
  }

  /** Who has left is nobody any more; what the bridge lent for them waits for the next. */
  forget_owner(owner: string): void {
    for (const line of this.all)
      if (line.use.kind === 'remote' && line.use.source.stream && line.use.source.owner === owner) line.use = { kind: 'idle', source: line.use.source };
  }

  /** The line for our screen, made when it is first needed. Undefined when there are too many. */
  screen(): Line | undefined {
    return this.own('screen') ?? this.take('video', { kind: 'own', name: 'screen' });
  }

  own(name: 'microphone' | 'camera' | 'screen'): Line | undefined {
    return this.all.find((l) => l.use.kind === 'own' && l.use.name === name);
  }
  of_source(name: string): Line | undefined {
    return this.all.find((l) => l.use.kind === 'remote' && l.use.source.name === name);
  }
  of_mid(mid: string | null): Line | undefined {
    return this.all.find((l) => l.mid === mid);
  }
  remote(): Source[] {
    return this.all.flatMap((l) => (l.use.kind === 'remote' ? [l.use.source] : []));
  }

  private take(media: MediaKind, use: Use): Line | undefined {
    const free = this.all.find((l) => l.use.kind === 'free' && l.media === media);
    if (!free) return this.append(media, use);
    free.use = use;
    return free;
  }

  private append(media: Line['media'], use: Use): Line | undefined {
    if (this.all.length >= kMaxLines) return undefined;
    const line = { mid: String(this.all.length), media, use };
    this.all.push(line);
    return line;
  }
}

const lent_ssrc = (use: Use) => ((use.kind === 'remote' || use.kind === 'idle') && use.source.stream ? use.source.ssrcs[0].ssrc : undefined);
const same_ssrcs = (use: Use, source: Source) =>
  (use.kind === 'remote' || use.kind === 'idle') && use.source.ssrcs.map((s) => s.ssrc).join() === source.ssrcs.map((s) => s.ssrc).join();

function merge(a: Source, b: Source): Source {
  const fresh = b.ssrcs.filter((s) => !a.ssrcs.some((k) => k.ssrc === s.ssrc));
  const key = (g: { ssrcs: number[] }) => g.ssrcs.join();
  return {
    ...a,
    video_type: b.video_type ?? a.video_type,
    ssrcs: [...a.ssrcs, ...fresh],
    groups: [...a.groups, ...b.groups.filter((g) => !a.groups.some((k) => key(k) === key(g)))],
  };
}

function without(a: Source, b: Source): Source {
  const gone = new Set(b.ssrcs.map((s) => s.ssrc));
  return {
    ...a,
    ssrcs: a.ssrcs.filter((s) => !gone.has(s.ssrc)),
    groups: a.groups.filter((g) => !g.ssrcs.some((s) => gone.has(s))),
  };
}
