'use strict';
// What links and their queues did to packets: shared links over time, what was marked, what was dropped.

// --- Shared links.
function fillSites() {
  const used = (values) => values.some((v) => v > 0);
  const names = [
    ...new Set(
      runs.flatMap((r) =>
        r.sites.flatMap((s) => ['down', 'up'].filter((way) => used(s[way].carried)).map((way) => `${s.name} ${way}`)),
      ),
    ),
  ];
  if (!names.length) return byId('sites').remove();
  byId('sites-controls').hidden = names.length < 2;
  byId('sites-who').append(...names.map((n) => el('option', { value: n }, n)));
  byId('sites-who').addEventListener('change', () => redraw('sites'));
  addChart(byId('sites-chart'), 'Shared link over time', () => sitesChart(byId('sites-who').value), 520, 'sites');
}
/** `who` is a site and a direction: "home down". */
function sitesChart(who) {
  const hue = hues(),
    carried = [],
    queue = [],
    dropped = [],
    marked = [];
  runs.forEach((run, i) => {
    const way = who.slice(who.lastIndexOf(' ') + 1),
      site = run.sites.find((one) => `${one.name} ${way}` === who);
    if (!site) return;
    const c = site[way],
      over = (values) => values.map((v, k) => [(k + 0.5) * run.bin_s, v]);
    carried.push(
      line(label('carried', i), ink(i, hue.audio), over(c.carried), { area: two ? 0 : 0.12 }),
      line(label('capacity', i), two ? ink(i) : colour('ink'), over(c.capacity), { type: 'dashed', width: 1.3, step: true }),
    );
    queue.push(line(label('queue', i), ink(i, hue.queue), over(c.queue), { area: two ? 0 : 0.15 }));
    dropped.push(line(label('dropped', i), ink(i, colour('bad')), over(c.dropped), { step: true }), ...markedLines(i, c.marked, over));
    marked.push(c.marked);
  });
  return strips(
    [
      {
        title: 'Carried, bit/s',
        height: 170,
        series: carried,
        axis: (v) => (v >= 1000 ? `${+(v / 1000).toPrecision(3)} M` : v ? `${+v.toPrecision(3)} k` : '0'),
      },
      { title: 'Longest queue, ms', height: 66, series: queue },
      { title: lostTitle('Packets dropped', marked), height: 66, series: dropped },
    ],
    (name) => (/carried|capacity/.test(name) ? 'kbit/s' : /queue/.test(name) ? 'ms' : ''),
  );
}

// --- Marks. Shown where any queue marked: beside it what the same and other queues dropped.
function fillMarks() {
  if (!runs.some((run) => run.queues.links.some((q) => q.marked))) return byId('marks').remove();
  byId('marks-table').append(
    ...runs.map((run, i) => {
      const { links, left_out } = run.queues,
        tagged = two ? tags[i] + ': ' : '';
      if (!links.length) return el('p', { class: 'empty' }, `${tagged}no queue marked or dropped a packet.`);
      return table(
        `${tagged}Packets, by link` + (left_out ? `; ${count(left_out)} more links are left out` : ''),
        ['Link', 'Marked', 'Dropped', 'Carried'],
        links.map((q) => [
          `${q.name} ${q.way === 'up' ? '↑' : '↓'}`,
          count(q.marked) + (q.marked ? ` (${q.share_text})` : ''),
          count(q.dropped),
          count(q.packets),
        ]),
      );
    }),
  );
}

// --- Drops.
function fillDrops() {
  const reasons = [...new Set(runs.flatMap((r) => r.drops.map((d) => d.reason)))];
  if (!reasons.length)
    return byId('drops-table').replaceWith(
      el('p', { class: 'empty' }, 'Nothing was dropped, or the run ended before it was counted.'),
    );
  const where = (d) =>
    d
      ? d.where.map(([who, n]) => `${who} (${count(n)})`).join(', ') +
        (d.places > d.where.length ? ` and ${d.places - d.where.length} more` : '')
      : '';
  byId('drops-table').append(
    el(
      'thead',
      {},
      el(
        'tr',
        {},
        el('th', { scope: 'col' }, 'Reason'),
        runs.map((_, i) => el('th', { scope: 'col' }, two ? tag(i) : 'Packets')),
        el('th', { scope: 'col', style: 'text-align:left' }, 'Where'),
      ),
    ),
    el(
      'tbody',
      {},
      reasons.map((reason) => {
        const found = runs.map((r) => r.drops.find((d) => d.reason === reason));
        return el(
          'tr',
          {},
          el('th', { scope: 'row' }, found.find(Boolean).text, ' ', el('code', { class: 'id' }, reason)),
          found.map((d) => el('td', {}, d ? count(d.count) : '–')),
          el(
            'td',
            { class: 'words' },
            found
              .map((d, i) => (d ? (two ? `${tags[i]}: ` : '') + where(d) : ''))
              .filter(Boolean)
              .join(' · '),
          ),
        );
      }),
    ),
  );
}
