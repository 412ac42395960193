// Redundant audio (RFC 2198) among Chromium pages, one of which does not take it, and synthetic people of both kinds.
// TACOMA: the binary · WEB: the built pages · OUT: a folder for logs and the run's result
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { open_browser, Person, until } from './browser.mjs';
import { Deployment } from './deployment.mjs';

const { TACOMA: tacoma, WEB: web_root, OUT: out = 'e2e-out' } = process.env;
fs.mkdirSync(out, { recursive: true });

let deployment, browser;

before(async () => {
  deployment = await Deployment.start({ tacoma, web_root, state: fs.mkdtempSync(path.join(out, 'state-')), log: path.join(out, 'red-up.log') });
  browser = await open_browser();
}, { timeout: 120_000 });

after(async () => {
  await browser?.close();
  await deployment?.stop();
}, { timeout: 60_000 });

const join = async (room, name, red) => {
  const person = await Person.open(browser, `${deployment.room(room)}#height=180&layers=0&red=${red}`, name, { viewport: { width: 640, height: 400 } });
  await person.join();
  await person.joined();
  return person;
};
/** Bytes a packet of somebody's voice as they arrive at a page, or as it sends its own. Browsers name Opus as the codec either way. */
const packet_of = (page_of, speaker) => page_of.page.evaluate(async (owner) => {
  const { pc, lines } = window.tacoma.session;
  const voice = async () => [...(await pc.getStats()).values()].find((s) => {
    if (s.kind !== 'audio' || s.type !== (owner ? 'inbound-rtp' : 'outbound-rtp')) return false;
    const use = lines.of_mid(s.mid)?.use;
    return !owner || (use?.kind === 'remote' && use.source.owner === owner);
  });
  const counts = (s) => [s.bytesReceived ?? s.bytesSent, s.packetsReceived ?? s.packetsSent];
  const before = counts(await voice());
  await new Promise((done) => setTimeout(done, 2_000));
  const now = counts(await voice());
  return (now[0] - before[0]) / Math.max(1, now[1] - before[1]);
}, page_of === speaker ? '' : speaker.id);
/** The payload types of the voice that a page sends, the first being what it sends. */
const voice_types = (person) => person.page.evaluate(() => {
  const audio = window.tacoma.session.pc.currentLocalDescription.sdp.split('m=').find((part) => part.startsWith('audio'));
  const name = (id) => new RegExp(`a=rtpmap:${id} ([^/]+)/`).exec(audio)?.[1];
  return audio.split('\r\n')[0].split(' ').slice(3).map(name);
});

const scenario = path.join(out, 'red.yaml');
fs.writeFileSync(scenario, `scenario: red
duration: 20s
conferences:
  - talk: { model: everyone }
    people:
      - { name: with, sends: audio, audio: { red: 1 }, decode: 1 }
      - { name: without, sends: audio, decode: 1 }
expect: [ "joined >= 100%" ]
`);

test('those who take redundant audio send it, and everybody hears everybody', { timeout: 180_000 }, async () => {
  const ada = await join('red', 'Ada', 1), bob = await join('red', 'Bob', 1), cleo = await join('red', 'Cleo', 0);
  const all = [ada, bob, cleo];
  for (const a of all) for (const b of all) if (a !== b) await a.sees_and_hears(b);
  assert.deepEqual([await voice_types(ada), await voice_types(bob), await voice_types(cleo)], [['red', 'opus'], ['red', 'opus'], ['opus']]);
  const [sent, with_copies, without] = await Promise.all([packet_of(ada, ada), packet_of(bob, ada), packet_of(cleo, ada)]);
  console.log(`a packet of Ada's voice: ${sent.toFixed(0)} bytes sent, ${with_copies.toFixed(0)} at Bob, ${without.toFixed(0)} at Cleo`);
  assert.ok(with_copies > 1.4 * without);

  const result = path.join(out, 'red-run');
  const child = spawn(tacoma, ['run', scenario, '--world', 'sockets', '--deployment', deployment.room('red'), '--out', result, '--quiet'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (d) => { said += d; });
  const ended = new Promise((done) => child.on('exit', done));
  const synthetic = await until('two more come', async () => {
    const rows = await cleo.received();
    const owners = [...new Set(rows.filter((r) => r.kind === 'audio').map((r) => r.owner))].filter((id) => !all.some((p) => p.id === id));
    return owners.length === 2 && owners;
  }, { within: 40_000 });
  for (const person of all) for (const id of synthetic) await person.sees_and_hears({ id, name: id }, { video: false, within: 40_000 });
  await ended;
  console.log(said);
  assert.match(said, /holds {2}joined >= 100%/);

  // Each of the two heard all three browsers, and what it got decoded.
  const rows = JSON.parse(execFileSync('python3', ['-c', `import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
heard = db.execute("SELECT person, sender, SUM(packets), SUM(lost) FROM received WHERE media = 'audio' AND sender IN (SELECT id FROM guests) GROUP BY person, sender").fetchall()
drops = db.execute("SELECT subject, reason, count FROM drops WHERE reason = 'red_malformed'").fetchall()
print(json.dumps({'heard': heard, 'drops': drops}))`, path.join(result, 'run.sqlite')]).toString());
  console.log(JSON.stringify(rows));
  assert.equal(rows.heard.length, 6);
  for (const [, , packets, lost] of rows.heard) assert.ok(packets > 100 && lost < packets / 10, `${packets} packets, ${lost} lost`);
  assert.deepEqual(rows.drops, []);
  for (const person of all) await person.close();
});

test('who encrypts end to end sends no copies: a bridge could not take them out', { timeout: 120_000 }, async () => {
  const dora = await join('sealed', 'Dora', 1), emil = await join('sealed', 'Emil', 0);
  await dora.sees_and_hears(emil);
  for (const person of [dora, emil]) {
    const dialog = person.page.getByRole('dialog', { name: 'End-to-end encryption' });
    await person.page.keyboard.press('x');
    await dialog.getByLabel('Password for encryption').fill('blue whale');
    await dialog.getByRole('button', { name: 'Encrypt', exact: true }).click();
    await dialog.waitFor({ state: 'detached' });
  }
  await until('Dora puts Opus first', async () => (await voice_types(dora))[0] === 'opus', { within: 30_000 });
  assert.deepEqual(await voice_types(dora), ['opus', 'red']);
  for (const [a, b] of [[dora, emil], [emil, dora]]) await a.sees_and_hears(b, { within: 30_000 });
});
