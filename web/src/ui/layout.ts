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
