// SSRC rewriting with one SSRC for video: whoever Ada looks at gets it, and she sees the right person. Cameras of different heights
// tell who is who.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { open_browser, Person, until } from './browser.mjs';
import { Deployment } from './deployment.mjs';

const { TACOMA: tacoma, WEB: web_root, OUT: out = 'e2e-out' } = process.env;
fs.mkdirSync(out, { recursive: true });

let deployment, browser, ada, bob, cleo, dan;
before(async () => {
  const state = fs.mkdtempSync(path.join(out, 'state-'));
  deployment = await Deployment.start({ tacoma, web_root, state, log: path.join(out, 'tacoma-up-rewriting.log') });
  // What `tacoma up` wrote, and one SSRC: the bridge that takes the killed one's place reads it.
  fs.appendFileSync(path.join(state, 'bridge-1.yaml'), 'limits:\n  video_ssrcs: 1\n');
  deployment.kill('tacoma-bridge');
  browser = await open_browser();
}, { timeout: 90_000 });

after(async () => {
  for (const person of [ada, bob, cleo, dan]) if (person) fs.writeFileSync(path.join(out, `rewriting-${person.name}.log`), [...person.errors, ...person.log].join('\n'));
  await browser?.close();
  await deployment?.stop();
}, { timeout: 60_000 });

const come = async (name, how, options) => {
  const person = await Person.open(browser, `${deployment.room('rewriting')}#${how}`, name);
  await person.join(options);
  await person.joined();
  return person;
};
const pictures = async (receiver) => (await receiver.received()).filter((r) => r.kind === 'video');
const lines_on_tile = (receiver, person) => receiver.tile(person).locator('video').evaluate((v) => v.videoHeight, undefined, { timeout: 1_000 }).catch(() => 0);

test('one SSRC shows whoever is looked at, and says who it is', { timeout: 120_000 }, async (t) => {
  ada = await come('Ada', '', { camera: false });
  bob = await come('Bob', 'height=360&layers=0');
  cleo = await come('Cleo', 'height=180&layers=0');
  await until('both heard', async () => (await ada.received()).filter((r) => r.kind === 'audio' && r.packets > 10).length === 2);
  const heights = new Map();
  for (const person of [bob, cleo]) {
    const height = await person.page.evaluate(() => window.tacoma.store.state.own_camera.getSettings().height);
    heights.set(person, height);
    // Encoders begin small.
    await ada.want(person, 720);
    await until(`${person.name} sends all lines`, () => person.page.evaluate(async (height) => {
      let all = false;
      (await window.tacoma.session.pc.getStats()).forEach((s) => { all ||= s.type === 'outbound-rtp' && s.frameHeight === height; });
      return all;
    }, height), { within: 40_000 });
  }
  assert.notEqual(heights.get(bob), heights.get(cleo));

  const seen = new Set();
  let other = cleo;
  for (const person of [bob, cleo, bob]) {
    await ada.want(person, 720);
    const from = Date.now();
    await until(`Ada sees ${person.name} on the tile of ${person.name}`, async () => (await lines_on_tile(ada, person)) === heights.get(person));
    t.diagnostic(`${person.name} after ${Date.now() - from} ms`);
    const rows = await pictures(ada);
    assert.deepEqual(rows.map((r) => r.owner), [person.id]);
    seen.add(rows[0].ssrc);
    const { frames } = rows[0];
    await until('frames go on', async () => (await pictures(ada))[0].frames > frames + 5);
    assert.equal((await pictures(ada))[0].height, heights.get(person));
    assert.equal(await ada.tile(other).locator('video').count(), 0, `${other.name} has no picture`);
    other = person;
  }
  assert.equal(seen.size, 1, 'it is one SSRC all the time');
  const { signalled, arriving } = await ada.ssrcs();
  assert.deepEqual(signalled, []);
  for (const person of [bob, cleo]) assert.deepEqual((await person.ssrcs()).sent.filter((s) => arriving.includes(s)), []);
  await ada.page.screenshot({ path: path.join(out, 'rewriting.png') });
});

test('who leaves is forgotten, and the SSRC serves the next', { timeout: 60_000 }, async () => {
  await bob.page.evaluate(() => window.tacoma.leave());
  await until('Bob is nobody any more', async () => !(await ada.received()).some((r) => r.owner === bob.id));
  await ada.want(cleo, 720);
  await ada.sees_and_hears(cleo);
});

test('somebody who does not know of it meets them all the same, under their own SSRCs', { timeout: 90_000 }, async () => {
  dan = await come('Dan', 'rewriting=0&height=360&layers=0');
  await dan.sees_and_hears(cleo);
  const [mine, of_cleo] = [await dan.ssrcs(), await cleo.ssrcs()];
  assert.ok(mine.arriving.some((s) => of_cleo.sent.includes(s)));
  assert.ok(mine.signalled.some((s) => of_cleo.sent.includes(s)));
  await ada.want(dan, 720);
  await ada.sees_and_hears(dan);
  assert.deepEqual([ada, bob, cleo, dan].flatMap((p) => p.errors), []);
});
