// Synthetic people and a browser in one room of a real deployment: `tacoma run --deployment` beside `tacoma up`.
// TACOMA: the binary · WEB: the built pages · OUT: a folder for logs, screenshots and the run's result
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { open_browser, Person, until } from './browser.mjs';
import { Deployment } from './deployment.mjs';
import { rows_of, run, until_verdict } from './synthetic.mjs';

const { TACOMA: tacoma, WEB: web_root, OUT: out = 'e2e-out' } = process.env;
fs.mkdirSync(out, { recursive: true });
const kPeople = 4;

let deployment, browser, ada;

before(async () => {
  deployment = await Deployment.start({ tacoma, web_root, state: fs.mkdtempSync(path.join(out, 'state-')), log: path.join(out, 'load-up.log') });
  browser = await open_browser();
}, { timeout: 120_000 });

after(async () => {
  await browser?.close();
  await deployment?.stop();
}, { timeout: 60_000 });

const scenario = (name, people, seconds) => {
  const file = path.join(out, `${name}.yaml`);
  fs.writeFileSync(file, `scenario: ${name}
duration: ${seconds}s
conferences: [ { people: [ { count: ${people}, joins: { each: 200ms }, video: { size: 320x180, fps: 15, rate: 150kbps } } ], talk: { model: everyone } } ]
expect: [ "joined >= 100%" ]
`);
  return file;
};

test('a browser decodes four synthetic people, and they count its frames', { timeout: 150_000 }, async () => {
  ada = await Person.open(browser, `${deployment.room('load')}#height=180&layers=0`, 'Ada', { viewport: { width: 640, height: 400 } });
  await ada.join();
  await ada.joined();
  const result = path.join(out, 'load-run');
  const { code, said } = await until_verdict(async () => {
    const running = run(tacoma, [scenario('load', kPeople, 20), '--world', 'sockets', '--deployment', deployment.room('load'), '--out', result, '--realtime', '--quiet']);

    // All four at once: their owners are whoever the page hears of.
    const owners = () => ada.received().then((rows) => [...new Set(rows.map((r) => r.owner))]);
    const found = await until('Ada hears of four people', async () => {
      const all = await owners();
      return all.length === kPeople && all;
    }, { within: 40_000 });
    for (const id of found) {
      const video = await ada.sees_and_hears({ id, name: id }, { within: 40_000 });
      assert.deepEqual([video.width, video.height], [320, 180]);
    }
    await ada.page.screenshot({ path: path.join(out, 'load.png') });

    const done = await running;
    await until('everybody has left', async () => (await ada.state()).members.every((m) => m.id === ada.id), { within: 10_000 });
    return done;
  });
  console.log(said);
  // 98: the run did not keep its own schedule and gives no verdict; that may be where it has to share a machine with twice as much
  // work as there are cores. All else holds there, too.
  const overloaded = /lets this user run nothing in real time/.test(said) && os.loadavg()[0] > 2 * os.cpus().length;
  assert.ok(code === 0 || (overloaded && code === 98 && /did not keep the schedule/.test(said)), `exit ${code}: ${said}`);
  assert.match(said, /holds {2}joined >= 100%/);

  const db = path.join(result, 'run.sqlite');
  const guests = rows_of(db, 'SELECT id, endpoint FROM guests');
  assert.deepEqual(guests.map((g) => g.endpoint), [ada.id]);
  const rows = rows_of(db, "SELECT person, SUM(frames_rendered) AS frames FROM received WHERE sender = ? AND media = 'video' GROUP BY person", guests[0].id);
  console.log(`frames of the browser's camera, by person: ${rows.map((r) => r.frames).join(', ')}`);
  assert.equal(rows.length, kPeople);
  for (const row of rows) assert.ok(row.frames > 30, `person ${row.person} rendered ${row.frames} frames of the browser`);
  const audio = rows_of(db, "SELECT person, SUM(packets) AS packets FROM received WHERE sender = ? AND media = 'audio' GROUP BY person", guests[0].id);
  assert.equal(audio.length, kPeople);
  for (const row of audio) assert.ok(row.packets > 100, `person ${row.person} got ${row.packets} packets of the browser's voice`);
  const manifest = JSON.parse(fs.readFileSync(path.join(result, 'run.json'), 'utf8'));
  assert.equal(manifest.deployment, deployment.room('load'));
  assert.equal(manifest.conservation.holds, null);
});

test('what may not be loaded is refused before anything is sent', { timeout: 30_000 }, async () => {
  const file = scenario('refused', 1, 5);
  const stranger = await run(tacoma, [file, '--world', 'sockets', '--deployment', 'https://meet.example.org/load', '--quiet']);
  assert.equal(stranger.code, 2);
  assert.match(stranger.said, /--confirm-load meet\.example\.org/);
  const light = await run(tacoma, [file, '--world', 'light', '--deployment', deployment.room('load'), '--quiet']);
  assert.equal(light.code, 2);
  assert.match(light.said, /--world sockets/);
});
