'use strict';
// The network as a picture: a box a region, its bridges above its backbone, its people below.
function svg(name, attributes, ...children) {
  const e = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  e.append(...children);
  return e;
}
const words = (x, y, text, more = {}) => svg('text', { x, y, fill: 'var(--ink)', 'font-size': 13, ...more }, text);
const fitted = (text, width, size = 13) => {
  const room = Math.floor(width / (size * 0.54));
  return text.length > room ? text.slice(0, Math.max(1, room - 1)) + '…' : text;
};
const millis = (ms) => `${+(+ms).toPrecision(3)} ms`;
const chip = { rx: 8, fill: 'var(--panel)', stroke: 'var(--rule)' };
const wire = (x1, y1, x2, y2, more = {}) =>
  svg('line', { x1, y1, x2, y2, stroke: 'var(--faint)', 'stroke-width': 1.5, ...more });
/** Wires are as thick as their rate has digits. */
const thickness = (bps) => (bps ? Math.max(1.2, Math.min(6, (Math.log10(bps) - 5) * 1.3 + 1)) : 6);

const kCard = 88,
  kTop = 46,
  kChipHeight = 50,
  kBus = 26;
function regionHeight(region) {
  return kTop + kChipHeight + 34 + region.groups.length * (kCard + 12) + 14;
}

function drawRegion(region, width) {
  const g = svg('g', {}),
    backbone = kTop + kChipHeight + 16,
    height = regionHeight(region);
  g.append(
    svg('rect', {
      x: 0.5,
      y: 0.5,
      width: width - 1,
      height: height - 1,
      rx: 14,
      fill: 'color-mix(in srgb, var(--panel) 45%, transparent)',
      stroke: 'var(--rule)',
    }),
    words(18, 28, fitted(region.name, width - 40, 16), {
      'font-size': 16,
      'font-weight': 650,
      'font-family': 'var(--serif)',
    }),
    wire(14, backbone, width - 14, backbone, { 'stroke-width': 4, stroke: 'var(--soft)', 'stroke-linecap': 'round' }),
  );
  const chips = [
    ...region.bridges.map((b) => [
      b.name,
      `${width < 400 ? '' : 'bridge, '}${bitrate(b.link ? b.link.up : null)}`,
      'var(--accent)',
    ]),
    ...region.services.map((s) => [
      s === 'router' ? 'XMPP' : s,
      s === 'router' ? 'signalling' : 'conferences',
      'var(--rule)',
    ]),
  ];
  const space = width - 36,
    wide = Math.min(160, (space - 10 * (chips.length - 1)) / Math.max(1, chips.length));
  chips.forEach(([name, what, edge], i) => {
    const x = 18 + i * (wide + 10);
    g.append(
      wire(x + wide / 2, kTop + kChipHeight - 4, x + wide / 2, backbone),
      svg('rect', { ...chip, x, y: kTop - 4, width: wide, height: kChipHeight - 2, stroke: edge }),
      words(x + 11, kTop + 16, fitted(name, wide - 18), { 'font-weight': 650 }),
      words(x + 11, kTop + 34, fitted(what, wide - 16, 12), { 'font-size': 12, fill: 'var(--soft)' }),
    );
  });
  region.groups.forEach((group, i) => drawGroup(g, group, backbone + 22 + i * (kCard + 12), width));
  if (region.groups.length)
    g.append(
      wire(kBus, backbone, kBus, backbone + 22 + (region.groups.length - 1) * (kCard + 12) + kCard / 2, {
        stroke: 'var(--soft)',
        'stroke-width': 2.5,
      }),
    );
  return g;
}
function drawGroup(g, group, y, width) {
  const left = width < 400 ? 84 : 104,
    link = group.link || {},
    w = width - left - 16,
    small = w < 240,
    access = group.access || 'its access';
  const sends = [group.audio && 'audio', group.video && 'video'].filter(Boolean).join(' and ') || 'nothing';
  const dots = Math.min(group.count, Math.max(3, Math.floor((w - 24) / 15)));
  g.append(
    wire(kBus, y + kCard / 2, left, y + kCard / 2, { 'stroke-width': thickness(link.down), stroke: 'var(--accent)' }),
    words((kBus + left) / 2 + 2, y + kCard / 2 - 9, millis(link.delay_ms || 0), {
      'text-anchor': 'middle',
      'font-size': 12,
      fill: 'var(--soft)',
    }),
    svg('rect', { ...chip, x: left, y, width: w, height: kCard }),
    words(left + 13, y + 22, fitted(group.name, w - 24), { 'font-weight': 650 }),
    words(
      left + 13,
      y + 41,
      fitted(`${small ? '' : access + ': '}↓ ${bitrate(link.down)}  ↑ ${bitrate(link.up)}`, w - 18, 12.5),
      { 'font-size': 12.5 },
    ),
    words(
      left + 13,
      y + 59,
      fitted(
        small
          ? `${count(group.count)} on ${access}`
          : `${count(group.count)} ${group.count === 1 ? 'person sends' : 'people send'} ${sends}`,
        w - 18,
        12.5,
      ),
      { 'font-size': 12.5, fill: 'var(--soft)' },
    ),
  );
  for (let d = 0; d < dots; ++d)
    g.append(
      svg('circle', {
        cx: left + 18 + d * 15,
        cy: y + 74,
        r: 4.5,
        fill: 'var(--accent)',
        opacity: d === dots - 1 && dots < group.count ? 0.35 : 0.85,
      }),
    );
}

function topologyPicture(topology, width) {
  const regions = topology.regions,
    gap = regions.length > 2 ? 64 : 84;
  const columns = Math.max(1, Math.min(regions.length, width < 760 ? 1 : width < 1000 ? 2 : 3)),
    one = columns === 1;
  const boxWidth = Math.min(520, (width - gap * (columns - 1)) / columns);
  const delay = (a, b) => topology.delays.find((d) => (d.a === a && d.b === b) || (d.a === b && d.b === a));
  const picture = svg('svg', {
    role: 'img',
    'aria-label': regions
      .map(
        (r) =>
          `Region ${r.name}: ${r.bridges.length} bridges; ` +
          r.groups.map((x) => `${x.count} people ${x.name} on ${x.access}`).join(', '),
      )
      .join('. '),
  });
  const drawn = new Set(),
    backbone = kTop + kChipHeight + 16;
  let y = 0;
  for (let from = 0; from < regions.length; from += columns) {
    const row = regions.slice(from, from + columns);
    const height = Math.max(...row.map(regionHeight));
    row.forEach((region, i) => {
      const box = drawRegion(region, boxWidth),
        x = i * (boxWidth + gap),
        next = regions[from + i + 1],
        d = next && delay(region.name, next.name);
      box.setAttribute('transform', `translate(${x} ${y})`);
      picture.append(box);
      if (!d) return;
      if (i < row.length - 1) {
        picture.append(
          wire(x + boxWidth - 14, y + backbone, x + boxWidth + gap + 14, y + backbone, {
            'stroke-width': 4,
            stroke: 'var(--soft)',
          }),
          words(x + boxWidth + gap / 2, y + backbone - 12, millis(d.ms), {
            'text-anchor': 'middle',
            'font-weight': 600,
          }),
        );
      } else if (one) {
        picture.append(
          wire(boxWidth / 2, y + height, boxWidth / 2, y + height + 34, { 'stroke-width': 4, stroke: 'var(--soft)' }),
          words(boxWidth / 2 + 12, y + height + 22, millis(d.ms), { 'font-weight': 600 }),
        );
      } else return;
      drawn.add(d);
    });
    y += height + 34;
  }
  const rest = topology.delays.filter((d) => !drawn.has(d));
  rest
    .slice(0, 20)
    .forEach((d, i) =>
      picture.append(words(4, y - 6 + i * 20, `between ${d.a} and ${d.b}: ${millis(d.ms)}`, { fill: 'var(--soft)' })),
    );
  y += Math.min(20, rest.length) * 20 - 14;
  const whole = one ? boxWidth : columns * boxWidth + (columns - 1) * gap;
  picture.setAttribute('viewBox', `0 0 ${whole} ${Math.max(40, y)}`);
  picture.style.maxWidth = whole + 'px';
  return picture;
}

function drawTopology(place, all) {
  const same = all.length < 2 || JSON.stringify(all[0].topology) === JSON.stringify(all[1].topology);
  let drawnAt = 0;
  const render = () => {
    const width = place.clientWidth;
    if (!width || Math.abs(width - drawnAt) < 8) return;
    drawnAt = width;
    place.replaceChildren(
      ...(same ? [all[0]] : all).flatMap((run, i) => [
        ...(same ? [] : [el('p', { class: 'chart-title' }, tag(i), ' ', run.name)]),
        topologyPicture(run.topology, width),
      ]),
    );
  };
  new ResizeObserver(render).observe(place);
  render();
}
