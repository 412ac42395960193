// How many columns make the pictures largest.

export interface Grid { columns: number; rows: number; width: number; height: number }

const kAspect = 16 / 9;
/** A tile may be taller than its picture (which is cropped then): a little on a wide floor, more on a phone held upright. */
const least_aspect = (width: number, height: number) => (width < height ? 0.85 : 4 / 3);

export function best_grid(count: number, width: number, height: number, gap: number): Grid {
  let best: Grid = { columns: 1, rows: Math.max(1, count), width: 0, height: 0 };
  for (let columns = 1; columns <= Math.max(1, count); ++columns) {
    const rows = Math.ceil(count / columns) || 1;
    const w = (width - gap * (columns - 1)) / columns;
    const h = (height - gap * (rows - 1)) / rows;
    const tile_height = Math.min(h, w / least_aspect(width, height));
    const tile_width = Math.min(w, tile_height * kAspect);
    if (tile_width > 0 && tile_width * tile_height > best.width * best.height) best = { columns, rows, width: Math.floor(tile_width), height: Math.floor(tile_height) };
  }
  return best;
}

const kLeastWidth = 150; // px of a tile whose name and face can still be made out
const kMost = 49;

/** How many tiles a floor bears before they are too small to be of use. */
export function how_many_fit(width: number, height: number): number {
  const fit = Math.floor(width / kLeastWidth) * Math.floor(height / (kLeastWidth / kAspect));
  return Math.max(4, Math.min(kMost, fit));
}

/**
 * The items that get a tile, in their order: all where they fit; else `capacity` minus one (for the note of how many more there
 * are), the urgent ones first. Which are shown changes only where an urgent one would be missing.
 */
export function pick<T>(items: T[], capacity: number, urgency: (item: T) => number): T[] {
  if (items.length <= capacity) return items;
  const ranked = items.map((item, at) => ({ item, at, rank: urgency(item) })).sort((a, b) => b.rank - a.rank || a.at - b.at);
  return ranked.slice(0, Math.max(1, capacity - 1)).sort((a, b) => a.at - b.at).map((r) => r.item);
}

/** A colour for a person without a picture, always the same for the same id: one of twelve calm hues. */
export function hue_of(id: string): number {
  let sum = 7;
  for (const c of id) sum = (sum * 31 + c.charCodeAt(0)) >>> 0;
  return (sum % 12) * 30;
}

export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const picked = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return picked.map((w) => [...w][0]).join('').toUpperCase() || '?';
}
