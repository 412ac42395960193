// Synthetic people and browsers in one room, some with the password of the encryption and some without: who has it sees and hears the others who
// have, and nobody else does.
// TACOMA: the binary · WEB: the built pages · OUT: a folder for logs, screenshots and the run's result
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { open_browser, Person, until } from './browser.mjs';
import { Deployment } from './deployment.mjs';
import { rows_of, run, until_verdict } from './synthetic.mjs';

const { TACOMA: tacoma, WEB: web_root, OUT: out = 'e2e-out' } = process.env;
fs.mkdirSync(out, { recursive: true });
const kPassword = 'blue whale 4711';

let deployment, browser, state, ada, bob;
before(async () => {
  state = fs.mkdtempSync(path.join(out, 'state-'));
  deployment = await Deployment.start({ tacoma, web_root, state, log: path.join(out, 'encryption-up.log') });
  browser = await open_browser();
}, { timeout: 120_000 });

after(async () => {
  for (const person of [ada, bob]) if (person) fs.writeFileSync(path.join(out, `encryption-${person.name}.log`), [...person.errors, ...person.log].join('\n'));
  await browser?.close();
  await deployment?.stop();
}, { timeout: 60_000 });

const come = async (room, name, codec) => {
  const person = await Person.open(browser, `${deployment.room(room)}#height=180&layers=0&codec=${codec}`, name, { viewport: { width: 900, height: 700 } });
  await person.join();
  await person.joined();
  return person;
};
const pictures_of = async (person, owner) => (await person.received()).find((r) => r.owner === owner && r.kind === 'video')?.frames ?? 0;
const by_name = (person, name) => person.state().then((s) => s.members.find((m) => m.name === name));

test('who has the password sees and hears who has it, in browsers and synthetic people alike; nobody else does', { timeout: 200_000 }, async () => {
  const scenario = path.join(out, 'sealed.yaml');
  fs.writeFileSync(scenario, `scenario: sealed
duration: 35s
conferences:
  - name: room
    encryption: { password: "${kPassword}" }
    people:
      - { name: right, joins: { each: 200ms }, video: { size: 320x180, fps: 15, rate: 150kbps } }
      - { name: wrong, encryption: { password: "grey whale" }, joins: { each: 200ms }, video: { size: 320x180, fps: 15, rate: 150kbps } }
      - { name: none, encryption: none, joins: { each: 200ms }, video: { size: 320x180, fps: 15, rate: 150kbps } }
    talk: { model: everyone }
expect: [ "joined in room/right >= 100%", "joined in room/none >= 100%" ]  # who has another password hears nobody
`);
  const result = path.join(out, 'sealed-run');
  let rooms = 0; // each try has one of its own
  const { code, said } = await until_verdict(async () => {
    fs.rmSync(result, { recursive: true, force: true });
    for (const person of [ada, bob]) await person?.close();
    const room = `sealed-${++rooms}`;
    ada = await come(room, 'Ada', 'AV1'); // with the password, and so in VP8
    bob = await come(room, 'Bob', 'VP8'); // without
    await ada.page.evaluate((password) => window.tacoma.set_encryption(password), kPassword);
    await until('Bob is told', () => bob.tile(ada).getByText('Encrypted: you need the password').count());
    const running = run(tacoma, [scenario, '--world', 'sockets', '--deployment', deployment.room(room), '--out', result, '--realtime', '--quiet']);
    const people = await until('three synthetic people', async () => {
      const found = await Promise.all(['right', 'wrong', 'none'].map((name) => by_name(ada, `room/${name}`)));
      return found.every(Boolean) && Object.fromEntries(found.map((m) => [m.name.slice(5), m]));
    }, { within: 40_000 });
    assert.deepEqual(Object.values(people).map((m) => m.encrypted), [true, true, false]);

    const video = await ada.sees_and_hears({ id: people.right.id, name: 'right' }, { within: 40_000 });
    assert.deepEqual([video.width, video.height], [320, 180]);
    const noted = (person, who, text) => until(`${person.name} is told: ${text}`, () => person.tile(who).getByText(text).count());
    await noted(ada, people.wrong, 'Encrypted with another password');
    await noted(ada, people.none, 'Not encrypted, so not shown');
    await noted(bob, people.right, 'Encrypted: you need the password');
    await bob.sees_and_hears({ id: people.none.id, name: 'none' }, { within: 40_000 });
    await ada.page.screenshot({ path: path.join(out, 'encryption.png') });
    const sealed = () => Promise.all([pictures_of(ada, people.wrong.id), pictures_of(ada, people.none.id), pictures_of(bob, people.right.id), pictures_of(bob, ada.id)]);
    const seen = await sealed();
    await new Promise((done) => setTimeout(done, 2_000));
    const then = await sealed();
    assert.deepEqual(then.slice(0, 2), [0, 0]);
    // Bob has no transform, and VP8 no checksum: now and then a decoder takes what is sealed for a picture. Of 30 and more a few.
    for (const i of [2, 3]) assert.ok(then[i] - seen[i] <= 5, `Bob decodes what is sealed: ${JSON.stringify([seen, then])}`);
    return running;
  });
  console.log(said);
  const overloaded = /lets this user run nothing in real time/.test(said) && os.loadavg()[0] > 2 * os.cpus().length;
  assert.ok(code === 0 || (overloaded && code === 98 && /did not keep the schedule/.test(said)), `exit ${code}: ${said}`);

  const db = path.join(result, 'run.sqlite');
  const guest = Object.fromEntries(rows_of(db, 'SELECT id, endpoint FROM guests').map((g) => [g.endpoint === ada.id ? 'ada' : 'bob', g.id]));
  const rendered = (person, sender) =>
    rows_of(db, "SELECT SUM(frames_rendered) AS frames FROM received JOIN people ON people.id = received.person WHERE people.grp = ? AND sender = ? AND media = 'video'", `room/${person}`, sender)[0].frames ?? 0;
  const frames = Object.fromEntries(['right', 'wrong', 'none'].map((name) => [name, [rendered(name, guest.ada), rendered(name, guest.bob)]]));
  console.log(`frames of Ada and of Bob, by person: ${JSON.stringify(frames)}`);
  assert.ok(frames.right[0] > 30, 'with the password Ada is seen');
  assert.equal(frames.right[1], 0);
  assert.deepEqual(frames.wrong, [0, 0]);
  assert.equal(frames.none[0], 0, 'without the password Ada is not taken for plain');
  assert.ok(frames.none[1] > 30, 'and Bob is seen');
  const closed = Object.fromEntries(rows_of(db, "SELECT people.grp AS name, SUM(count) AS n FROM drops JOIN people ON people.name = drops.subject WHERE reason = 'frame_undecryptable' GROUP BY people.grp").map((r) => [r.name.slice(5), r.n]));
  console.log(`frames that did not open: ${JSON.stringify(closed)}`);
  for (const name of ['right', 'wrong', 'none']) assert.ok(closed[name] > 100, `${name} counts what does not open`);
  const events = rows_of(db, "SELECT subject, text FROM events WHERE kind = 'encryption'");
  assert.ok(events.some((e) => e.text === `${ada.id} encrypts, and the password is not known here: it is not heard or seen`), JSON.stringify(events));
});

test('what is to be sealed never leaves in the clear, however soon after another change', { timeout: 60_000 }, async () => {
  const current = () => ada.page.evaluate(() => window.tacoma.session?.pc.connectionState ?? 'none');
  await ada.page.evaluate(() => window.tacoma.set_encryption(''));
  await until('a session in the clear', async () => (await current()) === 'connected', { within: 30_000 });
  const at_once = await ada.page.evaluate(async (password) => {
    const { pc } = window.tacoma.session;
    await window.tacoma.set_encryption(password);
    return pc.signalingState;
  }, kPassword);
  assert.equal(at_once, 'closed'); // though the focus is asked for the next one seconds later
  await until('a sealed session', async () => (await current()) === 'connected', { within: 30_000 });
  assert.ok(await ada.page.evaluate(() => window.tacoma.session.pc.getSenders().filter((s) => s.track).every((s) => s.transform)));
});

test('nothing of the deployment has ever known the password', () => {
  let found = '';
  try {
    found = execFileSync('grep', ['-rlF', kPassword, state, path.join(out, 'sealed-run')]).toString();
  } catch { /* grep found nothing */ }
  assert.equal(found, '');
});
