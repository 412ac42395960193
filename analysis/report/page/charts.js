'use strict';
// The charts, all in the page's own colours; they are drawn again when the theme, a choice or the width changes.
const charts = [];
const colour = (name) =>
  getComputedStyle(document.documentElement)
    .getPropertyValue('--' + name)
    .trim();
const isNarrow = () => document.documentElement.clientWidth < 640;
const escaped = (s) => String(s).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

/** A chart in `place`. `make` returns its ECharts option; `key` names what redraws it. */
function addChart(place, label, make, height, key, renderer = 'svg') {
  const box = document.createElement('div');
  box.className = 'chart';
  box.style.height = height + 'px';
  box.setAttribute('role', 'img');
  box.setAttribute('aria-label', label);
  place.append(box);
  const entry = { box, make, key, chart: echarts.init(box, null, { renderer }), narrow: isNarrow() };
  charts.push(entry);
  new ResizeObserver(() => {
    entry.chart.resize();
    if (entry.narrow !== isNarrow()) draw(entry);
  }).observe(box);
}
function draw(entry) {
  entry.narrow = isNarrow();
  entry.chart.setOption(entry.make(), true);
}
/** Draws again: all charts, or those of one key. */
function redraw(key) {
  for (const entry of charts) if (!key || entry.key === key) draw(entry);
}

// --- What all charts share.
function common() {
  return {
    animation: false,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: colour('ink') },
    tooltip: {
      confine: true,
      backgroundColor: colour('panel'),
      borderColor: colour('rule'),
      textStyle: { color: colour('ink'), fontSize: 13 },
      extraCssText: 'box-shadow: 0 4px 20px rgb(0 0 0 / .15); white-space: normal; max-width: 24rem;',
    },
  };
}
const axis = (more = {}) => ({
  axisLine: { lineStyle: { color: colour('faint') } },
  axisTick: { show: false },
  splitLine: { lineStyle: { color: colour('grid') } },
  nameTextStyle: { color: colour('soft') },
  ...more,
  axisLabel: { color: colour('soft'), fontSize: 12, hideOverlap: true, ...(more.axisLabel || {}) },
});
function timeAxis(end, more = {}) {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400],
    most = isNarrow() ? 5 : 11;
  const interval = steps.find((s) => end / s <= most) || 36000;
  return axis({
    type: 'value',
    min: 0,
    max: end,
    interval,
    ...more,
    axisLabel: { formatter: (v) => (v > end - 0.01 && v % interval ? '' : clock(v)), ...(more.axisLabel || {}) },
  });
}
const legend = (more = {}) => ({
  type: 'scroll',
  itemWidth: 28,
  itemHeight: 8,
  itemStyle: { opacity: 0 },
  textStyle: { color: colour('ink'), fontSize: 12.5 },
  inactiveColor: colour('faint'),
  pageTextStyle: { color: colour('soft') },
  left: 0,
  top: 0,
  ...more,
});
const longest = () => Math.max(...runs.map((r) => r.end_s), 1);
/** Lines at the events of a run; `labels` puts their numbers on top, which is at their start where the axis points down. */
function eventLines(labels, at = 'end') {
  const data = [];
  runs.forEach((run, i) => {
    if (i === 1 && sameMarks) return;
    marks(run).forEach((e, n) =>
      data.push({
        xAxis: e.at,
        lineStyle: {
          type: e.planned ? 'solid' : 'dashed',
          color: two && i ? colour('b') : colour('soft'),
          width: 1,
          opacity: 0.75,
        },
        label: {
          show: labels,
          position: at,
          formatter: String(n + 1),
          color: colour('ink'),
          backgroundColor: colour('panel'),
          borderColor: colour('faint'),
          borderWidth: 1,
          borderRadius: 9,
          padding: [2, 5],
          fontSize: 11,
          distance: 3,
        },
      }),
    );
  });
  return { silent: true, symbol: 'none', data };
}
const swatch = (c) =>
  `<span style="display:inline-block;width:.8em;height:.8em;border-radius:2px;background:${escaped(c)};margin-right:.5em"></span>`;
/** A tooltip over a time axis: the time, then a row for each series that has a value there. */
function timeTooltip(units) {
  return {
    ...common().tooltip,
    trigger: 'axis',
    axisPointer: { type: 'line', lineStyle: { color: colour('accent'), type: 'solid', width: 1 } },
    formatter: (all) => {
      const rows = [
        ...new Map(
          all.filter((p) => p.value && p.value[1] !== null && p.value[1] !== undefined).map((p) => [p.seriesName, p]),
        ).values(),
      ];
      if (!rows.length) return '';
      return (
        `<b>${clock(rows[0].value[0])}</b><table style="margin-top:4px;font-variant-numeric:tabular-nums">` +
        rows
          .map((p) => {
            const unit = units(p.seriesName);
            const cell = (align, html) => `<td style="border:0;padding:1px 12px 1px 0;text-align:${align}">${html}</td>`;
            const name = cell('left', swatch(p.color) + escaped(p.seriesName));
            return `<tr>${name}${cell('right', count(p.value[1]) + (unit ? ' ' + unit : ''))}</tr>`;
          })
          .join('') +
        '</table>'
      );
    },
  };
}
/** Sectioned strips over one time axis. strips: [{title, height, unit, series, max}]; returns an option. */
function strips(list, units) {
  const narrow = isNarrow(),
    left = narrow ? 46 : 58,
    right = narrow ? 12 : 20,
    end = longest();
  const option = {
    ...common(),
    tooltip: timeTooltip(units),
    axisPointer: { link: [{ xAxisIndex: 'all' }] },
    grid: [],
    xAxis: [],
    yAxis: [],
    series: [],
    title: [],
    legend: [],
  };
  let top = 0;
  list.forEach((strip, g) => {
    const last = g === list.length - 1,
      lead = g === 0 ? 62 : 48;
    option.title.push({
      text: strip.title,
      left: 0,
      top: top + 2,
      padding: 0,
      textStyle: { fontSize: 13, fontWeight: 600, color: colour('ink') },
    });
    option.legend.push(legend({ top: top + 18, data: strip.series.map((s) => s.name), itemGap: 12 }));
    option.grid.push({ left, right, top: top + lead, height: strip.height, outerBoundsMode: 'none' }); // all strips end at the same place
    option.xAxis.push(timeAxis(end, { gridIndex: g, axisLabel: { show: last }, splitLine: { show: false } }));
    option.yAxis.push(
      axis({
        type: 'value',
        gridIndex: g,
        min: strip.min ?? 0,
        max: strip.max,
        interval: strip.interval || stepTo(strip.max, strip.height > 120),
        splitNumber: strip.height > 120 ? 4 : 2,
        axisLabel: { formatter: strip.axis || ((v) => count(v)) },
      }),
    );
    for (const s of strip.series)
      option.series.push({ type: 'line', symbol: 'none', xAxisIndex: g, yAxisIndex: g, clip: true, ...s });
    option.series.push({
      type: 'line',
      name: '',
      data: [],
      silent: true,
      xAxisIndex: g,
      yAxisIndex: g,
      markLine: eventLines(g === 0),
    });
    top += lead + strip.height + 18;
  });
  return option;
}
const line = (name, c, data, more = {}) => ({
  name,
  data,
  itemStyle: { color: c },
  color: c,
  lineStyle: { color: c, width: more.width || 2, type: more.type || 'solid' },
  ...(more.step ? { step: 'middle' } : {}),
  ...(more.area ? { areaStyle: { color: c, opacity: more.area } } : {}),
});
const label = (words, i) => (two ? `${tags[i]}: ${words}` : words);
/** In one run colours tell series apart; with two they tell the runs apart and the line's kind the series. */
const ink = (i, single) => (two ? colour(i ? 'b' : 'a') : single);
const hues = () =>
  document.documentElement.dataset.theme === 'dark'
    ? { audio: '#63b8f0', video: '#f5a053', frame: '#4fc9a0', sent: '#4fc9a0', queue: '#c39bf0', freeze: '#ff7a9a' }
    : { audio: '#0072b2', video: '#c4500a', frame: '#00805e', sent: '#00805e', queue: '#6d3fb0', freeze: '#a3174b' };

// --- Joins.
/** Paul Tol's bright colours and two more, told apart by every kind of eye. */
const stepColours = ['#8a949b', '#4477aa', '#66ccee', '#228833', '#ccbb44', '#ee6677', '#aa3377', '#bb8866'];
/** Two runs' bars are as long as each other's. */
const longestJoin = () =>
  niceTop(Math.max(1, ...runs.flatMap((r) => r.joins.people.flatMap((p) => p.steps.map((s) => s || 0)))));
function joinChart(run) {
  const people = run.joins.people,
    names = run.joins.step_names,
    narrow = isNarrow();
  const items = names.map(() => []);
  people.forEach((p, row) => {
    for (const [i, from, to] of pieces(p)) items[i].push([from, row, to]);
  });
  return {
    ...common(),
    grid: { left: 4, right: 24, top: 6, bottom: 4, containLabel: true },
    tooltip: {
      ...common().tooltip,
      formatter: (p) => {
        const [from, row, to] = p.value,
          who = people[row];
        const took = `${escaped(p.seriesName)}: ${count(Math.round(to - from))} ms`;
        const until = `until ${count(Math.round(to))} ms after the planned join at ${clock(who.at)}`;
        return `<b>${escaped(who.name)}</b><br>${swatch(p.color)}${took}, ${until}`;
      },
    },
    xAxis: axis({
      type: 'value',
      min: 0,
      max: two ? longestJoin() : undefined,
      position: 'bottom',
      splitNumber: narrow ? 3 : 6,
      axisLabel: { formatter: (v) => (v >= 1000 ? `${+(v / 1000).toFixed(2)} s` : `${Math.round(v)} ms`) },
    }),
    yAxis: axis({
      type: 'category',
      inverse: true,
      data: people.map((p) => p.name),
      splitLine: { show: false },
      axisLabel: {
        interval: 0,
        width: narrow ? 96 : 150,
        overflow: 'truncate',
        formatter: (name, i) => (people[i].arrived ? name : `${name} ✗`),
      },
    }),
    series: names.map((n, i) => ({
      type: 'custom',
      name: stepWords[n],
      color: stepColours[i],
      itemStyle: { color: stepColours[i] },
      encode: { x: [0, 2], y: 1 },
      data: items[i],
      clip: true,
      renderItem: (params, api) => {
        const from = api.coord([api.value(0), api.value(1)]),
          to = api.coord([api.value(2), api.value(1)]),
          h = Math.min(16, api.size([0, 1])[1] * 0.68);
        return {
          type: 'rect',
          shape: { x: from[0], y: from[1] - h / 2, width: Math.max(0.5, to[0] - from[0]), height: h },
          style: { fill: stepColours[i], stroke: colour('paper'), lineWidth: 0.5 },
        };
      },
    })),
  };
}

// --- Quality.
function qualityChart(run) {
  const rows = qualityRows(run),
    narrow = isNarrow(),
    items = [];
  rows.forEach((row, y) => {
    const text = letters(row, qualityChoice);
    for (let k = 0; k < text.length;) {
      let n = k;
      while (n < text.length && text[n] === text[k]) ++n;
      if (text[k] !== '.') items.push({ value: [k * run.bin_s, y, n * run.bin_s], letter: text[k], k, n });
      k = n;
    }
  });
  const mean = (list, a, b) => {
    const some = list.slice(a, b).filter((v) => v !== null);
    return some.length ? some.reduce((x, y) => x + y, 0) / some.length : null;
  };
  const fills = Object.fromEntries(Object.entries(qualities).map(([c, [name]]) => [c, colour(name)]));
  return {
    ...common(),
    grid: { left: 4, right: narrow ? 12 : 20, top: 22, bottom: 4, containLabel: true },
    tooltip: {
      ...common().tooltip,
      formatter: (p) => {
        const row = rows[p.value[1]],
          { letter, k, n } = p.data,
          c = row.curves;
        const figure = (words, v, unit) => (v === null ? '' : `<br>${words} ${+v.toFixed(2)}${unit}`);
        return (
          `<b>${escaped(row.name)}</b>${row.count > 1 ? `, ${count(row.count)} people` : ''}<br>` +
          `${swatch(fills[letter])}${qualities[letter][1]}, ` +
          `${clock(p.value[0])} to ${clock(Math.min(p.value[2], run.end_s))}` +
          figure('frozen', mean(c.frozen, k, n), ' %') +
          figure('lost after repair', mean(c.after, k, n), ' %') +
          figure('audio MOS', mean(c.mos, k, n), '')
        );
      },
    },
    xAxis: timeAxis(longest(), { position: 'bottom', splitLine: { show: false } }),
    yAxis: axis({
      type: 'category',
      inverse: true,
      data: rows.map((r) => r.name),
      splitLine: { show: false },
      axisLine: { show: false },
      axisLabel: {
        interval: 0,
        width: narrow ? 96 : 150,
        overflow: 'truncate',
        formatter: (name, i) => (rows[i].kind === 'group' ? `{group|${name}}` : name),
        rich: { group: { fontWeight: 700, color: colour('ink'), fontSize: 12 } },
      },
    }),
    series: [
      {
        type: 'custom',
        encode: { x: [0, 2], y: 1 },
        data: items,
        clip: true,
        renderItem: (params, api) => {
          const item = items[params.dataIndex],
            from = api.coord([api.value(0), api.value(1)]),
            to = api.coord([api.value(2), api.value(1)]),
            h = Math.max(2, api.size([0, 1])[1] - 3);
          return {
            type: 'rect',
            shape: { x: from[0], y: from[1] - h / 2, width: Math.max(1, to[0] - from[0]), height: h },
            style: { fill: fills[item.letter] },
          };
        },
      },
      { type: 'line', data: [], silent: true, markLine: eventLines(true, 'start') },
    ],
  };
}

// --- Layers.
const layerFill = (state, lines) =>
  state === 'h' ? 'held' : state === 'n' ? 'idle' : lines >= 720 ? 'lines-4' : lines >= 360 ? 'lines-3' : lines >= 180 ? 'lines-2' : 'lines-1';
function layersChart(run) {
  const rows = run.layers,
    narrow = isNarrow(),
    items = [];
  rows.forEach((row, y) => {
    for (const [from, to, state, lines, why] of row.pieces)
      items.push({ value: [from * run.bin_s, y, to * run.bin_s], fill: colour(layerFill(state, lines)), state, lines, why });
  });
  const person = (name) => name.replace(/^[^/]*\//, '');
  const name = (row) => `${narrow ? person(row.viewer) : row.viewer} ← ${person(row.sender)}`;
  return {
    ...common(),
    grid: { left: 4, right: narrow ? 12 : 20, top: 22, bottom: 4, containLabel: true },
    tooltip: {
      ...common().tooltip,
      formatter: (p) => {
        const { fill, state, lines, why, value } = p.data;
        const shown = state === 'a' || state === 'l' ? `${lines} lines; ` : '';
        return (
          `<b>${escaped(name(rows[value[1]]))}</b><br>${swatch(fill)}${shown}${escaped(why)}<br>` +
          `${clock(value[0])} to ${clock(Math.min(value[2], run.end_s))}`
        );
      },
    },
    xAxis: timeAxis(longest(), { position: 'bottom', splitLine: { show: false } }),
    yAxis: axis({
      type: 'category',
      inverse: true,
      data: rows.map(name),
      splitLine: { show: false },
      axisLine: { show: false },
      axisLabel: { interval: 0, width: narrow ? 130 : 230, overflow: 'truncate' },
    }),
    series: [
      {
        type: 'custom',
        encode: { x: [0, 2], y: 1 },
        data: items,
        clip: true,
        renderItem: (params, api) => {
          const item = items[params.dataIndex],
            from = api.coord([api.value(0), api.value(1)]),
            to = api.coord([api.value(2), api.value(1)]),
            h = Math.max(2, api.size([0, 1])[1] - 3);
          return {
            type: 'rect',
            shape: { x: from[0], y: from[1] - h / 2, width: Math.max(1, to[0] - from[0]), height: h },
            style: { fill: item.fill },
          };
        },
      },
      { type: 'line', data: [], silent: true, markLine: eventLines(true, 'start') },
    ],
  };
}

// --- Delay.
function delayChart(who) {
  const hue = hues(),
    types = { audio: 'dotted', video: 'solid', frame: 'dashed' },
    series = [];
  let least = Infinity,
    most = 1;
  runs.forEach((run, i) => {
    const found = run.delays.find((d) => d.who === who);
    for (const kind of Object.keys(kinds)) {
      const d = found && found.kinds[kind];
      if (!d) continue;
      const points = d.points.filter(([ms]) => ms > 0).map(([ms, share]) => [ms, share * 100]);
      if (!points.length) continue;
      least = Math.min(least, points[0][0]);
      most = Math.max(most, points[points.length - 1][0]);
      series.push({
        type: 'line',
        symbol: 'none',
        ...line(label(kinds[kind], i), ink(i, hue[kind]), points, { type: two ? types[kind] : 'solid' }),
      });
    }
  });
  const narrow = isNarrow(),
    floor = 2 ** Math.floor(Math.log2(Math.max(0.25, least === Infinity ? 1 : least))),
    top = 2 ** Math.ceil(Math.log2(most));
  const ms = (v) => (v >= 1000 ? `${+(v / 1000).toPrecision(3)} s` : `${+v.toPrecision(3)} ms`);
  return {
    ...common(),
    legend: legend(),
    grid: { left: narrow ? 46 : 58, right: 20, top: 40, bottom: 30 },
    tooltip: {
      ...common().tooltip,
      trigger: 'axis',
      axisPointer: { type: 'line', lineStyle: { color: colour('accent'), type: 'solid', width: 1 } },
      formatter: (all) =>
        (all.length ? `<b>within ${ms(all[0].axisValue)}</b><br>` : '') +
        all.map((p) => `${swatch(p.color)}${escaped(p.seriesName)}: ${p.value[1].toFixed(1)} %`).join('<br>'),
    },
    xAxis: axis({ type: 'log', logBase: 2, min: floor, max: top, axisLabel: { formatter: ms } }),
    yAxis: axis({ type: 'value', min: 0, max: 100, interval: 25, axisLabel: { formatter: '{value} %' } }),
    series,
  };
}

// --- Rates, loss, queue, freezes.
function ratesChart(who) {
  const hue = hues(),
    received = [],
    sent = [],
    loss = [],
    queue = [],
    freeze = [],
    marked = [];
  const most = { down: 0, up: 0 },
    capacity = { down: 0, up: 0 };
  runs.forEach((run, i) => {
    const row = rowOf(run, who);
    if (!row) return;
    const c = row.curves,
      over = (values) => values.map((v, k) => [(k + 0.5) * run.bin_s, v]);
    const top = (list) => list.reduce((a, v) => Math.max(a, v || 0), 0);
    most.down = Math.max(most.down, top(c.rate));
    most.up = Math.max(most.up, top(c.sent));
    capacity.down = Math.max(capacity.down, top(c.down));
    capacity.up = Math.max(capacity.up, top(c.up));
    received.push(
      line(label('received, mean of each', i), ink(i, hue.audio), over(c.rate), { area: two ? 0 : 0.12 }),
      line(label('narrowest link ↓', i), two ? ink(i) : colour('ink'), over(c.down), {
        type: 'dashed',
        width: 1.3,
        step: true,
      }),
    );
    sent.push(
      line(label('sent, mean of each', i), ink(i, hue.sent), over(c.sent), { area: two ? 0 : 0.12 }),
      line(label('narrowest link ↑', i), two ? ink(i) : colour('ink'), over(c.up), {
        type: 'dashed',
        width: 1.3,
        step: true,
      }),
    );
    loss.push(
      line(label('lost, before repair', i), ink(i, hue.video), over(c.loss), {
        type: two ? 'dotted' : 'solid',
        width: 1.3,
      }),
      line(label('lost, after repair', i), ink(i, colour('bad')), over(c.after), { area: two ? 0 : 0.2 }),
      ...markedLines(i, c.marked, over),
    );
    queue.push(
      line(label('queue ↓', i), ink(i, hue.queue), over(c.queue_down), { area: two ? 0 : 0.15 }),
      line(label('queue ↑', i), ink(i, hue.sent), over(c.queue_up), { type: 'dotted', width: 1.3 }),
    );
    marked.push(c.marked);
    freeze.push(line(label('frozen', i), ink(i, hue.freeze), over(c.frozen), { area: two ? 0 : 0.25 }));
  });
  const above = (way) =>
    capacity[way] > most[way] * 1.3 && capacity[way] > 0
      ? `; the link at its widest carries ${bitrate(capacity[way] * 1e3)}`
      : '';
  const top = (way) => (capacity[way] > most[way] * 1.3 || !capacity[way] ? niceTop(most[way] * 1.12) : undefined);
  const scale = { axis: (v) => (v >= 1000 ? `${+(v / 1000).toPrecision(3)} M` : `${+v.toPrecision(3)} k`) };
  const percentTop = (series) =>
    niceTop(Math.min(100, Math.max(2, ...series.flatMap((s) => s.data.map((d) => d[1] || 0)))));
  const short = isNarrow();
  return strips(
    [
      {
        title: 'Received, bit/s' + (short ? '' : above('down')),
        height: 170,
        series: received,
        max: top('down'),
        ...scale,
      },
      { title: 'Sent, bit/s' + (short ? '' : above('up')), height: 90, series: sent, max: top('up'), ...scale },
      { title: lostTitle('Packets lost', marked) + ', %', height: 66, series: loss, max: percentTop(loss) },
      { title: 'Longest queue at the link, ms', height: 66, series: queue },
      { title: 'Time frozen, % of the video watched', height: 66, series: freeze, max: percentTop(freeze) },
    ],
    (name) => (/received|sent|link/.test(name) ? 'kbit/s' : /queue/.test(name) ? 'ms' : '%'),
  );
}
/** Packets that queues marked (CE), beside those that were lost; none where no queue did. */
const markedLines = (i, values, over) =>
  values ? [line(label('marked', i), ink(i, hues().queue), over(values), two ? { type: 'dashed', width: 1.3, step: true } : { width: 1.3, step: true, area: 0.15 })] : [];
const lostTitle = (words, values) => words + (values.some(Boolean) ? ' and marked' : '');
function niceTop(v) {
  if (v <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(v));
  return [1, 2, 3, 4, 5, 6, 8, 10].map((f) => f * power).find((t) => t >= v - 1e-9);
}

/** The step between the ticks up to a nice top. */
function stepTo(top, tall) {
  if (!top) return undefined;
  const power = 10 ** Math.floor(Math.log10(top) + 1e-9),
    lead = Math.round(top / power);
  return tall ? { 1: 0.25, 2: 0.5, 3: 1, 4: 1, 5: 1, 6: 2, 8: 2 }[lead] * power : top / 2;
}

// --- Bridges and pictures.
function bridgeChart(who) {
  const hue = hues(),
    packets = [],
    people = [];
  runs.forEach((run, i) => {
    const b = run.bridges.find((one) => one.name === who);
    if (!b) return;
    const over = (values) => values.map((v, k) => [b.at[k], v]);
    packets.push(
      line(label('out', i), ink(i, hue.video), over(b.out)),
      line(label('in', i), ink(i, hue.audio), over(b.in), { type: two ? 'dashed' : 'solid' }),
      line(label('sent again', i), ink(i, hue.queue), over(b.retransmitted), { type: 'dotted' }),
    );
    people.push(line(label('people', i), ink(i, colour('ink')), over(b.endpoints), { step: true }));
  });
  return strips(
    [
      { title: 'Packets a second', height: 190, series: packets },
      { title: 'People served', height: 70, series: people },
    ],
    (name) => (/people/.test(name) ? '' : '/s'),
  );
}
function picturesChart() {
  const palette = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'],
    series = [];
  let low = 100,
    high = 0;
  runs.forEach((run, i) =>
    run.pictures.forEach((p, n) => {
      const data = [];
      p.mean.forEach((v, k) => {
        if (k && p.at[k] - p.at[k - 1] > 3.5 * run.bin_s) data.push([(p.at[k] + p.at[k - 1]) / 2, null]);
        data.push([p.at[k], v]);
        low = Math.min(low, v);
        high = Math.max(high, v);
      });
      series.push(
        line(label(`${p.person} sees ${p.sender}`, i), two ? ink(i) : palette[n % palette.length], data, {
          type: ['solid', 'dashed', 'dotted'][Math.floor(two ? n % 3 : n / palette.length) % 3],
          width: 1.8,
        }),
      );
    }),
  );
  return strips(
    [
      {
        title: 'PSNR, dB',
        height: 210,
        series,
        min: Math.max(0, Math.floor(Math.min(low, 29) / 5) * 5),
        max: Math.ceil((high + 0.5) / 5) * 5,
        interval: 5,
      },
    ],
    () => 'dB',
  );
}
