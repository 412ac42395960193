// Sources (ssma:0 and Jitsi's compact JSON): who sends which SSRCs under which name.
import { NS } from '../namespaces';
import { child, children, el } from '../xml';

export type MediaKind = 'audio' | 'video';
export interface Ssrc { ssrc: number; msid?: string }
export interface SsrcGroup { semantics: 'SIM' | 'FID'; ssrcs: number[] }
/** What one m-line carries: all SSRCs of one source name. */
export interface Source {
  owner: string;
  name: string;
  kind: MediaKind;
  video_type?: 'camera' | 'desktop';
  ssrcs: Ssrc[];
  groups: SsrcGroup[];
  /** What the browser is told of SSRCs that the bridge lends: it stays while owners change. */
  stream?: string;
}

const kMaxSources = 2000; // of one message; a room of 500 people with camera, screen and voice stays below
const kMaxSsrc = 0xffffffff;

export function is_bridge_source(s: Source): boolean {
  return s.owner === 'jvb';
}

/** SSRCs of the bridge's own, and what they stand for now (SSRC rewriting). Entries that cannot be are left out. */
export function parse_mapped(kind: MediaKind, list: unknown): Source[] {
  const made: Source[] = [];
  for (const m of Array.isArray(list) ? list.slice(0, kMaxSources) : []) {
    const { source: name, owner, ssrc, rtx, videoType } = (m ?? {}) as Record<string, unknown>;
    if (typeof name !== 'string' || !name || typeof owner !== 'string' || !is_ssrc(ssrc)) continue;
    const pair = kind === 'video' && is_ssrc(rtx) ? [ssrc, rtx] : [ssrc]; // without RTX it is -1, or not there
    made.push({
      owner, name, kind, ssrcs: pair.map((s) => ({ ssrc: s })), groups: pair.length > 1 ? [{ semantics: 'FID', ssrcs: pair }] : [],
      ...(kind === 'video' ? { video_type: String(videoType).toLowerCase().startsWith('desktop') ? 'desktop' as const : 'camera' as const } : {}),
    });
  }
  return made;
}

const is_ssrc = (n: unknown): n is number => typeof n === 'number' && Number.isInteger(n) && n > 0 && n <= kMaxSsrc;

function as_ssrc(value: unknown): number {
  const n = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof n !== 'number' || !Number.isInteger(n) || n < 0 || n > kMaxSsrc) throw new Error(`not an SSRC: ${String(value)}`);
  return n;
}

interface Flat { owner: string; name?: string; kind: MediaKind; ssrc: number; msid?: string; desktop?: boolean }

/** Puts SSRCs of one name together. An SSRC without a name goes where its group goes, or makes a source of its own. */
function gather(flat: Flat[], groups: { owner: string; kind: MediaKind; group: SsrcGroup }[]): Source[] {
  if (flat.length > kMaxSources) throw new Error('too many sources');
  const name_of = new Map<number, string>();
  for (const f of flat) if (f.name) name_of.set(f.ssrc, f.name);
  for (const { group } of groups) {
    const named = group.ssrcs.map((s) => name_of.get(s)).find(Boolean);
    if (named) for (const s of group.ssrcs) if (!name_of.has(s)) name_of.set(s, named);
  }
  const made = new Map<string, Source>();
  const source_of = new Map<number, Source>();
  for (const f of flat) {
    const name = name_of.get(f.ssrc) ?? `${f.owner}-${f.kind[0]}-${f.ssrc}`;
    const key = `${f.kind} ${f.owner} ${name}`;
    let source = made.get(key);
    if (!source) made.set(key, (source = { owner: f.owner, name, kind: f.kind, ssrcs: [], groups: [] }));
    if (f.kind === 'video') source.video_type = f.desktop ? 'desktop' : (source.video_type ?? 'camera');
    if (!source.ssrcs.some((s) => s.ssrc === f.ssrc)) source.ssrcs.push({ ssrc: f.ssrc, msid: f.msid });
    source_of.set(f.ssrc, source);
  }
  for (const { group } of groups) source_of.get(group.ssrcs[0])?.groups.push(group);
  return [...made.values()];
}

function parse_compact(text: string): Source[] {
  const message = JSON.parse(text) as { sources?: Record<string, unknown[][]> };
  if (!message.sources || typeof message.sources !== 'object') return [];
  const flat: Flat[] = [];
  const groups: { owner: string; kind: MediaKind; group: SsrcGroup }[] = [];
  for (const [owner, lists] of Object.entries(message.sources)) {
    (['video', 'audio'] as const).forEach((kind, at) => {
      for (const s of (lists[2 * at] ?? []) as { s: unknown; n?: string; m?: string; v?: string }[])
        flat.push({ owner, kind, ssrc: as_ssrc(s.s), name: s.n, msid: s.m, desktop: s.v === 'd' });
      for (const [letter, ...ssrcs] of (lists[2 * at + 1] ?? []) as [string, ...unknown[]][])
        groups.push({ owner, kind, group: { semantics: letter === 's' ? 'SIM' : 'FID', ssrcs: ssrcs.map(as_ssrc) } });
    });
  }
  return gather(flat, groups);
}

function parse_contents(jingle: Element): Source[] {
  const flat: Flat[] = [];
  const groups: { owner: string; kind: MediaKind; group: SsrcGroup }[] = [];
  for (const content of children(jingle, 'content')) {
    const description = child(content, 'description', NS.rtp);
    const kind = (description?.getAttribute('media') ?? content.getAttribute('name')) as MediaKind;
    if (!description || (kind !== 'audio' && kind !== 'video')) continue;
    const owner_of = new Map<number, string>();
    for (const s of children(description, 'source', NS.ssma)) {
      const ssrc = as_ssrc(s.getAttribute('ssrc'));
      const name = s.getAttribute('name') ?? undefined;
      const owner = child(s, 'ssrc-info', NS.jitmeet)?.getAttribute('owner')?.split('/').pop() ?? name?.split('-')[0] ?? '';
      const msid = children(s, 'parameter').find((p) => p.getAttribute('name') === 'msid')?.getAttribute('value') ?? undefined;
      owner_of.set(ssrc, owner);
      flat.push({ owner, kind, ssrc, name, msid, desktop: s.getAttribute('videoType') === 'desktop' });
    }
    for (const g of children(description, 'ssrc-group', NS.ssma)) {
      const ssrcs = children(g, 'source').map((s) => as_ssrc(s.getAttribute('ssrc')));
      const semantics = g.getAttribute('semantics');
      if (ssrcs.length && (semantics === 'SIM' || semantics === 'FID'))
        groups.push({ owner: owner_of.get(ssrcs[0]) ?? '', kind, group: { semantics, ssrcs } });
    }
  }
  return gather(flat, groups);
}

/** The sources of a session-initiate, source-add or source-remove, in either form. Throws on values that cannot be. */
export function parse_sources(jingle: Element): Source[] {
  const json = child(jingle, 'json-message', NS.jitmeet)?.textContent;
  return [...parse_contents(jingle), ...(json ? parse_compact(json) : [])];
}

/** The `source` and `ssrc-group` elements of our own sources, for a `description`. */
export function write_sources(sources: Source[]): Element[] {
  return sources.flatMap((s) => [
    ...s.ssrcs.map(({ ssrc, msid }) =>
      el('source', { xmlns: NS.ssma, ssrc, name: s.name, videoType: s.kind === 'video' ? s.video_type : undefined },
        msid ? el('parameter', { name: 'msid', value: msid }) : null)),
    ...s.groups.map((g) =>
      el('ssrc-group', { xmlns: NS.ssma, semantics: g.semantics }, ...g.ssrcs.map((ssrc) => el('source', { xmlns: NS.ssma, ssrc })))),
  ]);
}
