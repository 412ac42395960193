'use strict';
// The page: texts, tables and controls. Charts are in charts.js, the picture of the network in topology.js, links and drops in links.js.
const data = JSON.parse(document.getElementById('data').textContent);
const runs = data.runs;
const two = runs.length === 2;
const tags = ['A', 'B'];
const byId = (id) => document.getElementById(id);

/** An element with attributes and children; text is always text, never markup. */
function el(name, attributes, ...children) {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === false || value === undefined || value === null) continue;
    if (key.startsWith('on')) e.addEventListener(key.slice(2), value);
    else e.setAttribute(key, value === true ? '' : value);
  }
  e.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined));
  return e;
}
const tag = (i) => (two ? el('span', { class: 'tag ' + tags[i].toLowerCase(), title: runs[i].name }, tags[i]) : null);
const clock = (s) => {
  const whole = Math.floor(s + 1e-6),
    rest = s - whole;
  return (
    `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}` +
    (rest > 0.05 ? '.' + (Math.round(rest * 10) % 10) : '')
  );
};
const count = (n) => Number(n).toLocaleString('en-US');
const bitrate = (bps) =>
  bps === null || bps === undefined
    ? 'no limit'
    : bps >= 1e9
      ? `${+(bps / 1e9).toPrecision(3)} Gbit/s`
      : bps >= 1e6
        ? `${+(bps / 1e6).toPrecision(3)} Mbit/s`
        : `${+(bps / 1e3).toPrecision(3)} kbit/s`;
const signed = (text) => text.replace(/^-/, '−');
const metric = (run, name) => run.metrics.find((m) => m.name === name);

/** A table in a scrolling region. rows: first cell is the row's head. */
function table(caption, head, rows) {
  return el(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption },
    el(
      'table',
      {},
      el('caption', {}, caption),
      el(
        'thead',
        {},
        el(
          'tr',
          {},
          head.map((h) => el('th', { scope: 'col' }, h)),
        ),
      ),
      el(
        'tbody',
        {},
        rows.map((r) =>
          el(
            'tr',
            {},
            r.map((c, i) => (i === 0 ? el('th', { scope: 'row' }, c) : el('td', {}, c ?? '–'))),
          ),
        ),
      ),
    ),
  );
}
/** The same figures for those who would rather read than look; built when opened. */
function asTable(place, make, title = 'The same as a table') {
  const details = el('details', {}, el('summary', {}, title));
  details.addEventListener('toggle', () => {
    if (details.open && details.childElementCount === 1) details.append(...[make()].flat());
  });
  place.replaceChildren(details);
}

// --- Verdict and expectations.
const verdicts = {
  pass: ['pass', 'All expectations hold'],
  fail: ['fail', ''],
  none: ['', 'Nothing was expected of this run'],
};

function verdictCard(run, i) {
  const m = run.manifest,
    holding = run.expectations.filter((e) => e.holds).length,
    all = run.expectations.length,
    hurried = m.exit_code === 98; // docs/results.md; an interrupted run has no verdict either
  let [tone, text] = verdicts[m.verdict] || [
    '',
    hurried
      ? 'No verdict: the run could not keep its own schedule'
      : m.state === 'complete'
        ? 'No verdict'
        : 'The run did not end, so there is no verdict',
  ];
  if (m.verdict === 'fail')
    text = all
      ? `${all - holding} of ${all} expectations ${all - holding === 1 ? 'does' : 'do'} not hold`
      : 'The run failed';
  const card = el(
    'article',
    { class: 'verdict ' + tone },
    el(
      'p',
      { class: 'which' },
      tag(i),
      two ? ' ' : null,
      `${m.world} world, seed ${m.seed}, ${clock(run.end_s)} of ${clock(m.length_s)}`,
    ),
    el('p', { class: 'result' }, (tone === 'pass' ? '✓ ' : tone === 'fail' ? '✗ ' : '') + text),
  );
  if (hurried && m.schedule) {
    const { late, timed, late_max_ms: worst } = m.schedule;
    const share = `${count(late)} of ${count(timed)} sends came over 5 ms late, the worst by ${Math.round(worst)} ms`;
    card.append(el('p', { class: 'note' }, `${share}: these figures tell of the machine too, not of the call alone.`));
  }
  if (m.conservation && m.conservation.holds === false) {
    card.append(
      el(
        'p',
        { class: 'note' },
        'Packets were not conserved: ' + (m.conservation.problems || []).slice(0, 5).join('; '),
      ),
    );
  }
  if (all) card.append(el('ul', { class: 'expect' }, run.expectations.map(expectation)));
  return card;
}

function expectation(e) {
  const lower = /</.test(e.text) || !/>/.test(e.text);
  const item = el(
    'li',
    { class: e.holds ? 'holds' : 'broken' },
    el('span', { class: 'mark', role: 'img', 'aria-label': e.holds ? 'holds' : 'does not hold' }, e.holds ? '✓' : '✗'),
    el('code', {}, e.text),
    el('span', { class: 'value' }, e.value_text),
  );
  if (e.value === null) return item;
  const top = Math.max(e.bound, e.value, 1e-12) * 1.25,
    percent = (v) => `${Math.max(0, Math.min(100, (100 * v) / top))}%`;
  const allowed = lower ? `left:0;width:${percent(e.bound)}` : `left:${percent(e.bound)};right:0`;
  item.append(
    el(
      'div',
      { class: 'gauge', 'aria-hidden': 'true' },
      el('span', { class: 'allowed', style: allowed }),
      el('span', { class: 'bound', style: `left:${percent(e.bound)}` }),
      el('span', { class: 'at', style: `left:${percent(e.value)}` }),
    ),
    el('span', { class: 'gauge-key' }, `expected: ${lower ? 'at most' : 'at least'} ${e.bound_text}`),
  );
  return item;
}

function fillVerdict() {
  const m = runs[0].manifest;
  byId('title').textContent =
    two && runs[1].manifest.scenario !== m.scenario
      ? `${m.scenario} against ${runs[1].manifest.scenario}`
      : m.scenario || 'A run';
  byId('about').textContent = m.about || '';
  for (const [i, run] of runs.entries())
    for (const n of run.notes) byId('notes').append(el('p', { class: 'note' }, tag(i), two ? ' ' : null, n));
  byId('verdicts').classList.toggle('two', two);
  byId('verdicts').append(...runs.map(verdictCard));
}

// --- Headline figures.
const tiles = [
  ['People who got media', null, (r) => count(r.joins.got_media), null, (r) => `of ${count(r.joins.total)}`],
  ['Joining took (p95)', 'join_time.p95', null, 'join_time.p50', 'median'],
  ['Audio quality, worst 5 %', 'audio_mos.p5', (r, m) => `${m.text} MOS`, 'audio_mos.p50', 'median'],
  ['Time frozen (p95)', 'freeze_ratio.p95', null, 'freeze_ratio.p50', 'median'],
  ['Audio delay, median', 'delay.audio.p50', null, 'delay.audio.p95', 'p95'],
  ['Video delay, median', 'delay.video.p50', null, 'delay.video.p95', 'p95'],
  ['Video packets lost', 'loss.video.mean', null, 'loss_after.video.mean', 'after repair'],
  ['Received by all', 'throughput', null, 'packets', 'packets in all'],
];

function judged(row) {
  if (!row || row.difference === null || row.better === 'neither' || row.difference === 0)
    return ['', row && row.difference === 0 ? '= the same' : ''];
  if (row.relative !== null && Math.abs(row.relative) < 0.02) return ['', '≈ the same'];
  const good = row.difference < 0 === (row.better === 'lower');
  return good ? ['better', '▲ better'] : ['worse', '▼ worse'];
}

function tile([label, name, show, subName, subLabel]) {
  const value = (run) => {
    const m = name && metric(run, name);
    return name && !m ? '–' : show ? show(run, m) : m.text;
  };
  const sub = (run) => {
    if (!name) return subLabel(run);
    if (!metric(run, name)) return 'not measured';
    const m = subName && metric(run, subName);
    return m ? `${subLabel === 'packets in all' ? count(m.value) : m.text} ${subLabel}` : '';
  };
  const box = el('dl', { class: 'tile' }, el('dt', {}, label));
  for (const [i, run] of runs.entries()) {
    box.append(
      two
        ? el(
            'dd',
            {},
            el('div', { class: 'row' }, tag(i), el('span', { class: 'big' }, value(run))),
            el('div', { class: 'sub' }, sub(run)),
          )
        : el('dd', {}, el('div', { class: 'big' }, value(run)), el('div', { class: 'sub' }, sub(run))),
    );
  }
  const row = two && data.comparison.rows.find((r) => r.name === name);
  if (row && row.difference !== null) {
    const [tone, word] = judged(row);
    box.append(el('dd', { class: 'sub ' + tone }, `${signed(row.difference_text)} ${word}`));
  }
  return box;
}

function fillFigures() {
  byId('tiles').append(...tiles.map(tile));
}

// --- Comparison.
function fillComparison() {
  if (!two) return;
  byId('comparison').hidden = false;
  byId('comparison-notes').append(...data.comparison.notes.map((n) => el('p', { class: 'note' }, n)));
  const body = el('tbody', {});
  for (const r of data.comparison.rows) {
    const [tone, word] = judged(r);
    const relative =
      r.relative === null ? '–' : `${r.relative >= 0 ? '+' : '−'}${Math.abs(r.relative * 100).toFixed(1)} %`;
    body.append(
      el(
        'tr',
        { 'data-name': r.name },
        el('th', { scope: 'row' }, r.name),
        el('td', {}, r.a_text),
        el('td', {}, r.b_text),
        el('td', {}, signed(r.difference_text)),
        el('td', {}, relative),
        el('td', { class: tone }, word),
      ),
    );
  }
  byId('comparison-table').append(
    el('caption', {}, `A is ${runs[0].name}; B is ${runs[1].name}.`),
    el(
      'thead',
      {},
      el(
        'tr',
        {},
        el('th', { scope: 'col' }, 'Figure'),
        el('th', { scope: 'col' }, tag(0)),
        el('th', { scope: 'col' }, tag(1)),
        el('th', { scope: 'col' }, 'Difference'),
        el('th', { scope: 'col' }, 'Relative'),
        el('th', { scope: 'col' }, 'For the people'),
      ),
    ),
    body,
  );
  byId('comparison-filter').addEventListener('input', (e) => {
    const words = e.target.value
      .toLowerCase()
      .split(/[\s,]+/)
      .filter(Boolean);
    for (const row of body.children) row.hidden = !words.every((w) => row.dataset.name.toLowerCase().includes(w));
  });
}

// --- Joins.
const stepWords = {
  started: 'Start',
  conference_request: 'Conference request',
  muc: 'Chat room',
  jingle: 'Session offer',
  ice: 'ICE',
  dtls: 'DTLS',
  first_audio: 'First audio',
  first_video: 'First video',
};
/** A person's steps as pieces in the order they happened: [index, from, to] in ms since the planned join. */
function pieces(person) {
  const known = person.steps
    .map((at, i) => [at, i])
    .filter(([at]) => at !== null)
    .sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let before = 0;
  return known.map(([at, i]) => {
    const piece = [i, before, Math.max(before, at)];
    before = Math.max(before, at);
    return piece;
  });
}
function fillJoins() {
  byId('joins-key').append(
    ...runs[0].joins.step_names.map((n, i) =>
      el('li', {}, el('i', { style: `background:${stepColours[i]}` }), stepWords[n]),
    ),
  );
  byId('joins-charts').classList.toggle('two', two);
  runs.forEach((run, i) => {
    const box = el('div', {}, two ? el('p', { class: 'chart-title' }, tag(i), ' ', run.name) : null);
    byId('joins-charts').append(box);
    if (!run.joins.people.some((p) => p.steps.some((s) => s !== null)))
      return box.append(el('p', { class: 'empty' }, 'Nobody had begun to join.'));
    if (run.joins.cut)
      box.append(
        el(
          'p',
          { class: 'chart-title' },
          `The ${run.joins.people.length} slowest of ${count(run.joins.total)}, in the order of joining.`,
        ),
      );
    addChart(box, `Join timeline of ${run.name}`, () => joinChart(run), 36 + 24 * run.joins.people.length);
  });
  asTable(byId('joins-table'), () =>
    runs.map((run, i) =>
      table(
        `${two ? tags[i] + ': ' : ''}Milliseconds from the planned join to each step`,
        ['Person', 'Planned at', ...run.joins.step_names.map((s) => stepWords[s])],
        run.joins.people.map((p) => [
          p.name,
          clock(p.at),
          ...p.steps.map((s) => (s === null ? 'never' : count(Math.round(s)))),
        ]),
      ),
    ),
  );
}

// --- Layers.
function fillLayers() {
  if (!runs.some((r) => r.layers.length)) {
    byId('layers').hidden = true;
    return;
  }
  const key = [
    ['lines-4', '720 lines and more'],
    ['lines-3', '360 to 719'],
    ['lines-2', '180 to 359'],
    ['lines-1', 'fewer than 180'],
    ['held', 'Held back by the bridge'],
    ['idle', 'Not asked for'],
  ];
  byId('layers-key').append(
    ...key.map(([name, words]) => el('li', {}, el('i', { style: `background:var(--${name})` }), words)),
  );
  runs.forEach((run, i) => {
    const box = el('div', {}, two ? el('p', { class: 'chart-title' }, tag(i), ' ', run.name) : null);
    byId('layers-charts').append(box);
    if (!run.layers.length) return box.append(el('p', { class: 'empty' }, 'Nothing was measured.'));
    addChart(box, `Layers over time of ${run.name}`, () => layersChart(run), 60 + 19 * run.layers.length, 'layers', 'canvas');
  });
  asTable(byId('layers-table'), () =>
    runs.flatMap((run) =>
      table(
        `Layers of ${run.name}`,
        ['Viewer', 'Sender', 'From', 'To', 'Lines', 'Why'],
        run.layers.flatMap((row) =>
          row.pieces.map(([from, to, state, lines, why]) => [
            row.viewer,
            row.sender,
            clock(from * run.bin_s),
            clock(Math.min(to * run.bin_s, run.end_s)),
            state === 'a' || state === 'l' ? String(lines) : '–',
            why,
          ]),
        ),
      ),
    ),
  );
}

// --- Quality.
const qualities = {
  g: ['good', 'Good'],
  f: ['fair', 'Fair'],
  p: ['poor', 'Poor'],
  b: ['bad', 'Bad'],
  j: ['joining', 'Waiting for media'],
  '-': ['idle', 'Nothing to judge'],
};
const severity = { '.': 0, '-': 1, g: 2, f: 3, p: 4, j: 5, b: 6 };
const judgedBy = { worse: 'the worse of both', video: 'video', audio: 'audio' };
let qualityChoice = 'worse';
const letters = (row, what) =>
  what === 'worse'
    ? [...row.video].map((v, k) => (severity[v] >= severity[row.audio[k]] ? v : row.audio[k])).join('')
    : row[what];
const qualityRows = (run) => [
  ...run.rows.filter((r) => r.kind === 'group'),
  ...run.rows.filter((r) => r.kind === 'person').sort((a, b) => b.badness - a.badness),
];

function fillQuality() {
  for (const [what, words] of Object.entries(judgedBy)) {
    byId('quality-what').append(
      el(
        'label',
        {},
        el('input', {
          type: 'radio',
          name: 'judged',
          value: what,
          checked: what === qualityChoice,
          onchange: () => {
            qualityChoice = what;
            redraw('quality');
          },
        }),
        words,
      ),
    );
  }
  byId('quality-key').append(
    ...Object.values(qualities).map(([name, words]) =>
      el('li', {}, el('i', { style: `background:var(--${name})` }), words),
    ),
  );
  runs.forEach((run, i) => {
    const box = el('div', {}, two ? el('p', { class: 'chart-title' }, tag(i), ' ', run.name) : null);
    byId('quality-charts').append(box);
    if (!run.bins) return box.append(el('p', { class: 'empty' }, 'Nothing was measured yet.'));
    addChart(
      box,
      `Quality over time of ${run.name}`,
      () => qualityChart(run),
      60 + (qualityRows(run).length > 30 ? 15 : 19) * qualityRows(run).length,
      'quality',
      'canvas',
    );
  });
  const b = data.bounds,
    percent = (v) => `${v * 100} %`;
  const line = (name, q) => [
    name,
    `at most ${percent(q.frozen)}`,
    `at most ${percent(q.loss)}`,
    `at least ${q.mos.toFixed(2)}`,
  ];
  asTable(
    byId('quality-bounds'),
    () => [
      table(
        'What must hold in an interval to be called good, fair or poor; what is worse is bad',
        ['', 'Video frozen', 'Lost after repair', 'Audio MOS (estimate)'],
        [line('Good', b.good), line('Fair', b.fair), line('Poor', b.poor)],
      ),
      el('p', { class: 'lead' }, 'A group has the quality that three in four of its people reach.'),
    ],
    'What good, fair and poor mean',
  );
  asTable(byId('quality-table'), () =>
    runs.map((run, i) =>
      table(
        `${two ? tags[i] + ': ' : ''}The whole run, line by line`,
        ['Who', 'People', 'Received each', 'Lost', 'After repair', 'Time frozen', 'Audio MOS'],
        run.rows.map((r) => [
          r.name,
          count(r.count),
          r.summary.rate,
          r.summary.loss,
          r.summary.after,
          r.summary.frozen,
          r.summary.mos,
        ]),
      ),
    ),
  );
}

// --- Delay.
const kinds = { audio: 'Audio packets', video: 'Video packets', frame: 'Video frames' };
function fillDelay() {
  const names = [...new Set(runs.flatMap((r) => r.delays.map((d) => d.who)))];
  if (!names.length) {
    byId('delay-who').closest('.controls').hidden = true;
    return byId('delay-chart').append(
      el('p', { class: 'empty' }, 'Delays are written when a run ends; this one has none.'),
    );
  }
  byId('delay-who').append(...names.map((n) => el('option', { value: n }, n)));
  byId('delay-who').addEventListener('change', () => redraw('delay'));
  addChart(
    byId('delay-chart'),
    'Cumulative distribution of delay',
    () => delayChart(byId('delay-who').value),
    360,
    'delay',
  );
  asTable(byId('delay-table'), () =>
    runs.map((run, i) =>
      table(
        `${two ? tags[i] + ': ' : ''}Delay from capture to arrival`,
        ['Who and what', 'Counted', 'Median', 'p95', 'p99'],
        run.delays.flatMap((d) =>
          Object.entries(d.kinds).map(([k, v]) => [
            `${d.who}, ${kinds[k].toLowerCase()}`,
            count(v.count),
            v.p50,
            v.p95,
            v.p99,
          ]),
        ),
      ),
    ),
  );
}

// --- Rates and what follows from them.
const rowOf = (run, name) => run.rows.find((r) => r.name === name);
const marks = (run) => run.events.list.filter((e) => e.mark).slice(0, 24);
const sameMarks = two && JSON.stringify(marks(runs[0])) === JSON.stringify(marks(runs[1]));
function fillRates() {
  const select = byId('rates-who'),
    rows = new Map();
  for (const run of runs) for (const r of run.rows) if (!rows.has(r.name)) rows.set(r.name, r);
  if (!rows.size) return byId('rates-chart').append(el('p', { class: 'empty' }, 'Nothing was measured yet.'));
  for (const [kind, label] of [
    ['all', 'All'],
    ['group', 'Groups'],
    ['person', 'People'],
  ]) {
    const some = [...rows.values()].filter((r) => r.kind === kind);
    if (some.length)
      select.append(
        el(
          'optgroup',
          { label },
          some.map((r) =>
            el('option', { value: r.name }, r.count > 1 ? `${r.name} (${count(r.count)} people)` : r.name),
          ),
        ),
      );
  }
  const groups = runs[0].rows.filter((r) => r.kind === 'group').sort((a, b) => b.badness - a.badness);
  if (groups.length) select.value = groups[0].name;
  select.addEventListener('change', () => redraw('rates'));
  const list = byId('rates-events');
  runs.forEach((run, i) => {
    if (i === 1 && sameMarks) return;
    list.append(
      ...marks(run).map((e, n) =>
        el(
          'li',
          { class: e.planned ? '' : 'unplanned' },
          sameMarks ? null : tag(i),
          el('span', { class: 'num' }, String(n + 1)),
          el('b', {}, clock(e.at)),
          ` ${e.subject}: ${e.text}`,
        ),
      ),
    );
  });
  addChart(
    byId('rates-chart'),
    'Rates, loss, queue and freezes over time',
    () => ratesChart(select.value),
    830,
    'rates',
  );
  asTable(
    byId('rates-table'),
    () =>
      runs.map((run, i) => {
        const r = rowOf(run, select.value);
        if (!r) return el('p', { class: 'empty' }, 'Not in this run.');
        const c = r.curves;
        return table(
          `${two ? tags[i] + ': ' : ''}${r.name}, every ${run.bin_s} s`,
          [
            'Until',
            'Received kbit/s',
            'Narrowest ↓',
            'Sent kbit/s',
            'Narrowest ↑',
            'Lost %',
            'After repair %',
            ...(c.marked ? ['Marked %'] : []),
            'Queue ↓ ms',
            'Queue ↑ ms',
            'Frozen %',
            'MOS',
          ],
          c.rate.map((_, k) => [
            clock((k + 1) * run.bin_s),
            ...[c.rate, c.down, c.sent, c.up, c.loss, c.after, c.marked, c.queue_down, c.queue_up, c.frozen, c.mos]
              .filter(Boolean)
              .map((s) => (s[k] === null ? null : count(s[k]))),
          ]),
        );
      }),
    'The same as a table, of who is chosen when it is opened',
  );
}

// --- Bridges, pictures.
function fillBridge() {
  const names = [...new Set(runs.flatMap((r) => r.bridges.map((b) => b.name)))];
  if (!names.length) {
    byId('bridge-controls').hidden = true;
    return byId('bridge-chart').append(el('p', { class: 'empty' }, 'No bridge was measured.'));
  }
  byId('bridge-controls').hidden = names.length < 2;
  byId('bridge-who').append(...names.map((n) => el('option', { value: n }, n)));
  byId('bridge-who').addEventListener('change', () => redraw('bridge'));
  addChart(byId('bridge-chart'), 'Bridge load over time', () => bridgeChart(byId('bridge-who').value), 420, 'bridge');
}
function fillPictures() {
  if (!runs.some((r) => r.pictures.length))
    return byId('pictures-chart').append(el('p', { class: 'empty' }, 'Nobody decoded in this run.'));
  addChart(byId('pictures-chart'), 'PSNR over time', () => picturesChart(), 310);
}

// --- Manifest.
const quoted = (s) => (/^[\w@%+=:,./-]+$/.test(s) ? s : `'${String(s).replaceAll("'", "'\\''")}'`);
function manifestCard(run, i) {
  const m = run.manifest,
    machine = m.machine || {},
    schedule = m.schedule || {};
  const facts = {
    Scenario: m.scenario,
    World: m.world,
    Seed: m.seed,
    Crypto: m.crypto,
    State: m.state,
    Verdict: `${m.verdict || 'none yet'} (exit code ${m.exit_code ?? '–'})`,
    Time: `${clock(run.end_s)} of ${clock(m.length_s)} in ${(+m.wall_s || 0).toFixed(1)} s of real time`,
    Started: m.started,
    Digest: m.digest || 'none: real time does not repeat',
    'Scenario SHA-256': m.scenario_sha256,
    Commit: `${m.commit || 'unknown'}${m.dirty ? ', with local changes' : ''}`,
    Version: m.version,
    Build: [m.compiler, m.build, m.flags].filter(Boolean).join(', '),
    Machine: [machine.cpu, machine.cores && `${machine.cores} cores`, machine.kernel].filter(Boolean).join(', '),
    Changes: (m.set || []).join(', ') || 'none',
    Conservation: m.conservation ? (m.conservation.holds ? 'every packet accounted for' : 'broken') : undefined,
    Schedule: schedule.timed
      ? `${count(schedule.late)} of ${count(schedule.timed)} sends late, at most ${schedule.late_max_ms} ms`
      : undefined,
    Folder: run.folder,
  };
  const command = [
    `build/tacoma run scenarios/${quoted(m.scenario || 'scenario')}.yaml`,
    `--world ${quoted(m.world || 'light')} --seed ${m.seed}`,
    ...(m.set || []).map((s) => `--set ${quoted(s)}`),
  ].join(' \\\n  ');
  return el(
    'div',
    {},
    two ? el('h3', {}, tag(i), ' ', run.name) : null,
    el(
      'dl',
      { class: 'facts' },
      Object.entries(facts)
        .filter(([, v]) => v !== undefined && v !== '')
        .map(([k, v]) => [el('dt', {}, k), el('dd', {}, String(v))]),
    ),
    el('h3', {}, 'To run it again'),
    el('pre', {}, (m.commit ? `git checkout ${m.commit}\n` : '') + command),
    el('details', {}, el('summary', {}, 'The scenario'), el('pre', {}, m.scenario_text || 'not recorded')),
    el(
      'details',
      {},
      el('summary', {}, 'The whole manifest'),
      el('pre', {}, JSON.stringify({ ...m, scenario_text: undefined }, null, 1)),
    ),
  );
}
function fillManifest() {
  byId('manifests').classList.toggle('two', two);
  byId('manifests').append(...runs.map(manifestCard));
}

// --- Contents and theme.
function fillContents() {
  for (const section of document.querySelectorAll('main > section')) {
    if (section.hidden) continue;
    const words = {
      verdict: 'Verdict',
      figures: 'Figures',
      comparison: 'Side by side',
      topology: 'Network',
      joins: 'Joining',
      quality: 'Quality',
      layers: 'Layers',
      delay: 'Delay',
      rates: 'Rates',
      sites: 'Shared links',
      marks: 'Marks',
      bridge: 'Bridges',
      pictures: 'Pictures',
      drops: 'Drops',
      manifest: 'The run',
    };
    byId('contents').append(el('a', { href: '#' + section.id }, words[section.id]));
  }
}
const system = matchMedia('(prefers-color-scheme: dark)');
let chosen = null;
try {
  chosen = localStorage.getItem('tacoma-theme');
} catch {
  /* a file may have no storage */
}
const isDark = () => (chosen ? chosen === 'dark' : system.matches);
function applyTheme(dark = isDark()) {
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  byId('theme').textContent = dark ? 'Light' : 'Dark';
  byId('theme').setAttribute('aria-pressed', String(dark));
  byId('theme').setAttribute('aria-label', dark ? 'Switch to light colours' : 'Switch to dark colours');
  redraw();
}
byId('theme').addEventListener('click', () => {
  chosen = isDark() ? 'light' : 'dark';
  try {
    localStorage.setItem('tacoma-theme', chosen);
  } catch {
    /* then it lasts for this visit */
  }
  applyTheme();
});
system.addEventListener('change', () => applyTheme());
addEventListener('beforeprint', () => applyTheme(false));
addEventListener('afterprint', () => applyTheme());

document.documentElement.dataset.theme = isDark() ? 'dark' : 'light';
fillVerdict();
fillFigures();
fillComparison();
drawTopology(byId('topology-picture'), runs);
fillJoins();
fillQuality();
fillLayers();
fillDelay();
fillRates();
fillSites();
fillMarks();
fillBridge();
fillPictures();
fillDrops();
fillManifest();
fillContents();
applyTheme();
