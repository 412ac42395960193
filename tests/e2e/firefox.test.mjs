// A person on Firefox ESR and one on Chromium, in one room. Firefox sends no media to loopback, so `run` gives the test a network of
// its own with one more address, ADDRESS.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { open_browser, Person, until } from './browser.mjs';
import { Deployment } from './deployment.mjs';
import { Firefox } from './firefox.mjs';

const { TACOMA: tacoma, WEB: web_root, OUT: out = 'e2e-out' } = process.env;
let deployment, browser, firefox, ada, fox;

before(async () => {
  fs.mkdirSync(out, { recursive: true });
  // Plain HTTP: to both browsers localhost is a secure place, and no certificate has to be waved through.
  deployment = await Deployment.start({
    tacoma, web_root, state: fs.mkdtempSync(path.join(out, 'state-')), log: path.join(out, 'firefox-up.log'), extra: ['--plain', '--advertise', process.env.ADDRESS],
  });
  browser = await open_browser();
  firefox = await Firefox.open({ folder: out });
}, { timeout: 150_000 });

after(async () => {
  firefox?.close();
  await browser?.close();
  await deployment?.stop();
}, { timeout: 60_000 });

const received = () => firefox.ask(`(async () => {
  const rows = [];
  const { session } = window.tacoma;
  (await session.pc.getStats()).forEach((s) => {
    const use = s.type === 'inbound-rtp' ? session.lines.of_mid(s.mid)?.use : undefined;
    if (use?.kind === 'remote') rows.push({ ssrc: s.ssrc, owner: use.source.owner, kind: s.kind, frames: s.framesDecoded, width: s.frameWidth, energy: s.totalAudioEnergy });
  });
  return rows;
})()`);

test('Firefox and Chromium decode each other', { timeout: 120_000 }, async (t) => {
  t.diagnostic(`Firefox ${firefox.version}`);
  ada = await Person.open(browser, deployment.room('firefox'), 'Ada');
  await ada.join();
  await ada.joined();
  await firefox.go(deployment.room('firefox'));
  await until('the preview', () => firefox.ask(`document.querySelector('.preview video')?.videoWidth > 0`));
  await firefox.ask(`document.querySelector('button[type=submit]').click()`);
  await until('Firefox is in the room', () => firefox.ask(`window.tacoma.store.state.phase === 'joined'`));
  fox = { id: await firefox.ask('window.tacoma.store.state.me.id'), name: 'Firefox' };
  await ada.sees_and_hears(fox);
  const first = await until('Firefox sees and hears Ada', async () => {
    const rows = (await received()).filter((r) => r.owner === ada.id);
    const video = rows.find((r) => r.kind === 'video');
    return video?.frames > 5 && video.width > 0 && rows.find((r) => r.kind === 'audio')?.energy > 0 && video;
  });
  await until('and frames go on', async () => (await received()).find((r) => r.owner === ada.id && r.kind === 'video').frames > first.frames + 10);
  // The bridge lends it SSRCs: the focus signalled nobody's, and Ada's do not arrive.
  assert.equal(await firefox.ask(`window.tacoma.session.offer.sources.every((s) => s.owner === 'jvb')`), true);
  const { sent } = await ada.ssrcs();
  assert.deepEqual((await received()).filter((r) => sent.includes(r.ssrc)), []);
  await firefox.screenshot(path.join(out, 'room-firefox.png'));
});

test('its camera goes off and on', { timeout: 60_000 }, async () => {
  await firefox.ask('window.tacoma.set_video_muted(true)');
  await until('the picture is gone', () => ada.tile(fox).locator('video').count().then((n) => n === 0));
  await firefox.ask('window.tacoma.set_video_muted(false)');
  await until('the picture is back', () => ada.tile(fox).locator('video').count().then((n) => n === 1));
  await ada.sees_and_hears(fox);
});

test('it leaves', { timeout: 30_000 }, async () => {
  await firefox.ask('window.tacoma.leave()');
  await until('Ada is alone', async () => (await ada.state()).members.length === 0);
  assert.deepEqual(ada.errors, []);
});
