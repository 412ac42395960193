// Real browsers meet through a whole deployment. One meeting, told in order: each part begins where the last one ended.
// TACOMA: the binary · WEB: the built pages · OUT: a folder for logs and screenshots
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { open_browser, Person, until } from './browser.mjs';
import { Deployment } from './deployment.mjs';

const { TACOMA: tacoma, WEB: web_root, OUT: out = 'e2e-out' } = process.env;
fs.mkdirSync(out, { recursive: true });
const shot = (person, name) => person.page.screenshot({ path: path.join(out, `${name}.png`) });

let deployment, browser, ada, bob, cleo;

before(async () => {
  deployment = await Deployment.start({ tacoma, web_root, state: fs.mkdtempSync(path.join(out, 'state-')), log: path.join(out, 'tacoma-up.log') });
  browser = await open_browser();
}, { timeout: 90_000 });

after(async () => {
  for (const person of [ada, bob, cleo]) {
    if (!person) continue;
    const said = [...person.errors, ...person.log].join('\n');
    fs.writeFileSync(path.join(out, `${person.name}.log`), said);
    const steps = await person.steps().catch(() => []);
    console.log(`${person.name}: ${steps.map((s) => `${s.name} ${s.at}`).join(', ')}`);
  }
  await browser?.close();
  await deployment?.stop();
}, { timeout: 60_000 });

/** Later parts need what earlier ones made: after a failure the rest is skipped, not misjudged. */
let broken = false;
const part = (name, work, timeout = 90_000) =>
  test(name, { timeout }, async (t) => {
    if (broken) return t.skip('an earlier part failed');
    try {
      await work(t);
    } catch (error) {
      broken = true;
      for (const person of [ada, bob, cleo])
        if (person && !person.page.isClosed()) {
          await shot(person, `failed-${person.name}`).catch(() => undefined);
          console.log(`${person.name}: ${JSON.stringify(await person.state().catch((e) => e.message))}`);
        }
      throw error;
    }
  });

const control = (person, name) => person.page.getByRole('navigation', { name: 'Controls' }).getByRole('button', { name });
const panel = async (person, name) => {
  const button = control(person, name);
  if ((await button.getAttribute('aria-pressed')) !== 'true') await button.click();
};

part('two people decode each other', async () => {
  ada = await Person.open(browser, deployment.room('e2e'), 'Ada');
  await until('the preview', () => ada.page.evaluate(() => document.querySelector('.preview video')?.videoWidth > 0));
  await shot(ada, 'join');
  await ada.join();
  await ada.joined();
  bob = await Person.open(browser, deployment.room('e2e'), 'Bob');
  await bob.join();
  await bob.joined();
  for (const [a, b] of [[ada, bob], [bob, ada]]) {
    const video = await a.sees_and_hears(b);
    const sent = await b.page.evaluate(() => window.tacoma.store.state.own_camera.getSettings());
    assert.ok(Math.abs(video.width / video.height - sent.width / sent.height) < 0.02, `shape ${video.width}x${video.height} of ${sent.width}x${sent.height}`);
    assert.ok(video.height >= 180 && video.height <= sent.height, `height ${video.height}`);
  }
  await until('Ada moderates', async () => (await ada.state()).me.moderator);
  assert.equal((await bob.state()).me.moderator, false);
  await until('Ada’s channel', async () => (await ada.state()).channel === 'open');
  // The bridge lends SSRCs of its own: nobody else's were signalled, and none of theirs arrives.
  const [of_ada, of_bob] = [await ada.ssrcs(), await bob.ssrcs()];
  assert.deepEqual([...of_ada.signalled, ...of_bob.signalled], []);
  assert.equal(of_ada.arriving.length, 2);
  assert.deepEqual(of_ada.arriving.filter((s) => of_bob.sent.includes(s)), []);
});

part('a third joins, and all six directions flow', async () => {
  cleo = await Person.open(browser, deployment.room('e2e'), 'Cleo', { viewport: { width: 390, height: 844 }, colorScheme: 'dark' });
  await shot(cleo, 'join-phone-dark');
  await cleo.join();
  await cleo.joined();
  const all = [ada, bob, cleo];
  for (const a of all) for (const b of all) if (a !== b) await a.sees_and_hears(b);
  await control(ada, 'Streams').click();
  await until('the overlay fills', () => ada.page.locator('.overlay tbody tr[data-direction=in]').count().then((n) => n >= 4));
  await shot(ada, 'room-streams');
  await control(ada, 'Streams').click();
  await shot(ada, 'room');
  await shot(cleo, 'room-phone-dark');
});

part('mute and unmute are seen by others, and heard', async () => {
  await control(bob, 'Mute').click();
  await until('Bob is shown muted', async () => (await ada.tile(bob).getAttribute('aria-label'))?.includes('muted'));
  await until('Bob is silent', async () => {
    const energy = async () => (await ada.received()).find((r) => r.owner === bob.id && r.kind === 'audio').energy;
    const a = await energy();
    await new Promise((done) => setTimeout(done, 600));
    return (await energy()) - a < 1e-6;
  });
  await control(bob, 'Unmute').click();
  await ada.sees_and_hears(bob);
  await control(bob, 'Stop camera').click();
  await until('Bob’s picture is gone', () => ada.tile(bob).locator('video').count().then((n) => n === 0));
  await control(bob, 'Start camera').click();
  await until('Bob’s picture is back', () => ada.tile(bob).locator('video').count().then((n) => n === 1));
  await ada.sees_and_hears(bob);
});

part('a microphone is changed in the room, and a lost camera is told', async () => {
  const microphone = () => bob.page.evaluate(() => window.tacoma.store.state.own_microphone.id);
  const before = await microphone();
  await control(bob, 'Devices').click();
  const choice = bob.page.getByRole('dialog').getByLabel('Microphone');
  // The browser lists its devices a moment after the dialog is open.
  let options = 0;
  await until('there are microphones to choose from', async () => (options = await choice.locator('option').count()) > 1);
  await choice.selectOption({ index: options - 1 });
  await until('another microphone is open', async () => (await microphone()) !== before);
  await bob.page.keyboard.press('Escape');
  await ada.sees_and_hears(bob);
  await bob.page.evaluate(() => window.tacoma.store.state.own_camera.dispatchEvent(new Event('ended')));
  await until('Bob is told', async () => /camera is gone/.test((await bob.state()).notice));
  await until('Bob’s picture is gone', () => ada.tile(bob).locator('video').count().then((n) => n === 0));
  await bob.page.getByRole('button', { name: 'Dismiss' }).click();
  await control(bob, 'Start camera').click();
  await ada.sees_and_hears(bob);
});

part('the keyboard reaches everything', async () => {
  await bob.page.evaluate(() => document.activeElement?.blur());
  await bob.page.keyboard.press('m');
  await until('M mutes', async () => (await bob.state()).me.audio_muted);
  await bob.page.keyboard.press('m');
  await until('M unmutes', async () => !(await bob.state()).me.audio_muted);
  const reached = new Set();
  for (let i = 0; i < 30; ++i) {
    await bob.page.keyboard.press('Tab');
    reached.add(await bob.page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? ''));
  }
  for (const name of ['Mute', 'Stop camera', 'Share screen', 'Chat', 'People, 3', 'Streams', 'Leave', 'Pin Ada'])
    assert.ok(reached.has(name), `Tab does not reach '${name}', only ${[...reached].join(', ')}`);
});

part('what is said in the chat is read, and unread is marked', async () => {
  await panel(ada, /^Chat/);
  await ada.page.getByLabel('Message to everybody').fill('Hello <all> & everybody');
  await ada.page.keyboard.press('Enter');
  await until('Bob’s mark', () => control(bob, 'Chat, 1 unread').count().then((n) => n === 1));
  await panel(bob, /^Chat/);
  await until('Bob reads it', () => bob.page.getByRole('log').getByText('Hello <all> & everybody').count());
  await shot(bob, 'room-chat');
  await bob.page.keyboard.press('Escape');
  await ada.page.keyboard.press('Escape');
});

part('frames are encrypted end to end, and only who has the password sees and hears', async () => {
  const encrypt = async (person, password) => {
    const dialog = person.page.getByRole('dialog', { name: 'End-to-end encryption' });
    await person.page.keyboard.press('x');
    if (password) {
      await dialog.getByLabel('Password for encryption').fill(password);
      await dialog.getByRole('button', { name: /^(Encrypt|Change password)$/ }).click();
    } else {
      await dialog.getByRole('button', { name: 'Stop encrypting' }).click();
    }
    await dialog.waitFor({ state: 'detached' });
  };
  const noted = (person, other, text) => until(`${person.name} is told`, () => person.tile(other).getByText(text).count());
  await encrypt(ada, 'blue whale');
  await noted(bob, ada, 'Encrypted: you need the password');
  await noted(ada, bob, 'Not encrypted, so not shown');
  await encrypt(bob, 'grey whale');
  await noted(bob, ada, 'Encrypted with another password');
  await shot(bob, 'room-encrypted');
  await encrypt(bob, 'blue whale');
  for (const [a, b] of [[ada, bob], [bob, ada]]) await a.sees_and_hears(b);
  // What the bridge forwarded is none the wiser for somebody without the key: nothing of it decodes.
  const frames = async () => (await cleo.received()).find((r) => r.owner === ada.id && r.kind === 'video')?.frames;
  const stuck = await frames();
  await new Promise((done) => setTimeout(done, 2_000));
  assert.equal(await frames(), stuck);
  await encrypt(ada, '');
  await encrypt(bob, '');
  for (const [a, b] of [[ada, bob], [bob, cleo], [cleo, ada]]) await a.sees_and_hears(b);
});

part('a shared screen is seen, and goes', async () => {
  await control(bob, 'Share screen').click();
  await until('Bob shares', async () => (await bob.state()).me.sharing);
  await until('Ada decodes the screen', async () => (await ada.received()).some((r) => r.source === `${bob.id}-v1` && r.frames > 2 && r.width > 0));
  await control(bob, 'Stop sharing').click();
  await until('the screen is gone', () => ada.page.locator(`article[data-source="${bob.id}-v1"]`).count().then((n) => n === 0));
  await ada.sees_and_hears(bob);
});

part('a password keeps out who does not know it', async () => {
  await control(ada, 'Room password').click();
  await ada.page.getByLabel('New password').fill('narrows');
  await ada.page.getByRole('button', { name: 'Set password' }).click();
  await until('all see the lock', async () => (await bob.state()).locked);
  await control(cleo, 'Leave').click();
  await cleo.page.getByRole('button', { name: 'Join again' }).click();
  const field = cleo.page.getByRole('textbox', { name: 'Password' });
  await field.fill('wrong');
  await cleo.page.keyboard.press('Enter');
  await until('it was wrong', async () => (await cleo.state()).wrong_password);
  await shot(cleo, 'password-phone-dark');
  await field.fill('narrows');
  await cleo.page.keyboard.press('Enter');
  await cleo.joined();
  await cleo.sees_and_hears(ada);
  await control(ada, 'Room password').click();
  await ada.page.getByRole('button', { name: 'Open the room' }).click();
  await until('the lock is gone', async () => !(await bob.state()).locked);
});

part('a moderator mutes, and removes', async () => {
  await panel(ada, /^People/);
  await ada.page.getByRole('button', { name: 'Mute Bob' }).click();
  await until('Bob is muted', async () => (await bob.state()).me.audio_muted);
  assert.match((await bob.state()).notice, /Ada turned off your microphone/);
  await control(bob, 'Unmute').click();
  await ada.page.getByRole('button', { name: 'Remove Cleo' }).click();
  await ada.page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await until('Cleo is out', async () => (await cleo.state()).phase === 'ended');
  assert.match((await cleo.state()).notice, /Ada removed you/);
  await until('the others see it', async () => (await bob.state()).members.length === 1);
  await ada.page.keyboard.press('Escape');
});

part('the next becomes moderator when the first leaves', async () => {
  await cleo.page.getByRole('button', { name: 'Join again' }).click();
  await cleo.joined();
  await control(ada, 'Leave').click();
  await until('Bob or Cleo moderates', async () => (await bob.state()).me.moderator || (await cleo.state()).me.moderator);
  await until('Ada is gone', async () => (await bob.state()).members.length === 1);
  await bob.sees_and_hears(cleo);
  await ada.close();
  ada = undefined;
});

part('a reloaded page comes back', async () => {
  await cleo.page.reload();
  await cleo.join();
  await cleo.joined();
  await bob.sees_and_hears(cleo);
  await cleo.sees_and_hears(bob);
  await until('no ghost is left', async () => (await bob.state()).members.length === 1);
});

const happened = async (person, step) => (await person.steps()).filter((s) => s.name === step).length;

part('a lost bridge channel comes back', async () => {
  const before = await happened(bob, 'channel open');
  await bob.page.evaluate(() => window.tacoma.channel.cut());
  await until('it is open again', async () => (await happened(bob, 'channel open')) > before && (await bob.state()).channel === 'open');
  await bob.sees_and_hears(cleo);
});

part('ICE is restarted in place, and the session goes on', async (t) => {
  const ufrag = () => bob.page.evaluate(() => /a=ice-ufrag:(\S+)/.exec(window.tacoma.session.pc.currentLocalDescription.sdp)[1]);
  const before = { offers: await happened(bob, 'offer received'), ufrag: await ufrag(), done: await happened(bob, 'ice restarted') };
  const flow = await bob.watch_frames(cleo);
  assert.equal(await bob.page.evaluate(() => window.tacoma.restart_ice()), true);
  await until('it is done', async () => (await happened(bob, 'ice restarted')) > before.done);
  assert.notEqual(await ufrag(), before.ufrag);
  // The new pair takes over: its checks name the new credentials.
  await until('the new pair is in use', () => bob.page.evaluate(async () => {
    const own = /a=ice-ufrag:(\S+)/.exec(window.tacoma.session.pc.currentLocalDescription.sdp)[1];
    const all = new Map();
    (await window.tacoma.session.pc.getStats()).forEach((s) => all.set(s.id, s));
    const transport = [...all.values()].find((s) => s.type === 'transport');
    const local = all.get(all.get(transport.selectedCandidatePairId)?.localCandidateId);
    return local?.usernameFragment === own;
  }));
  await bob.sees_and_hears(cleo);
  await cleo.sees_and_hears(bob);
  const gap = await flow.longest();
  t.diagnostic(`longest time without a new frame during the restart: ${gap} ms`);
  assert.ok(gap < 2_000, `media stood still for ${gap} ms`);
  assert.equal(await happened(bob, 'offer received'), before.offers);
});

/** How long the media of both stands still, from now on. */
async function media_gap(work, limit) {
  const began = Date.now();
  await work();
  const flows = async (a, b) => {
    await until(`new frames of ${b.name} at ${a.name}`, async () => {
      const count = async () => (await a.received()).find((r) => r.owner === b.id && r.kind === 'video')?.frames ?? 0;
      const first = await count();
      await new Promise((done) => setTimeout(done, 400));
      return (await count()) > first && first > 0;
    }, { within: limit });
  };
  await Promise.all([flows(bob, cleo), flows(cleo, bob)]);
  return Date.now() - began;
}
/** Ends a part of the deployment; resolves when both people have been invited anew. */
async function invited_anew_after_killing(word) {
  const before = [await happened(bob, 'offer received'), await happened(cleo, 'offer received')];
  deployment.kill(word);
  await until('new offers', async () =>
    (await happened(bob, 'offer received')) > before[0] && (await happened(cleo, 'offer received')) > before[1], { within: 30_000 });
}

part('a killed bridge is replaced, and media is back', async (t) => {
  const gap = await media_gap(() => invited_anew_after_killing('tacoma-bridge'), 25_000);
  t.diagnostic(`media gap after the bridge was killed: ${gap} ms`);
  assert.ok(gap < 10_000, `media was back after ${gap} ms`);
});

part('a killed focus comes back, and invites everybody anew', async (t) => {
  const began = Date.now();
  await invited_anew_after_killing('tacoma-focus');
  const gap = await media_gap(async () => undefined, 10_000);
  t.diagnostic(`people were invited anew ${Date.now() - began - gap} ms after the focus was killed; until then media flowed on, then it was back in ${gap} ms`);
});

part('Prosody is restarted, and people come back', async (t) => {
  const before = [bob.id, cleo.id];
  const gap = await media_gap(async () => {
    deployment.kill('prosody');
    await until('Bob sees that the connection is lost', async () => (await bob.state()).phase === 'reconnecting', { within: 15_000 });
    await shot(bob, 'room-reconnecting');
    await bob.joined(40_000);
    await cleo.joined(40_000);
  }, 30_000);
  assert.notDeepEqual([bob.id, cleo.id], before);
  t.diagnostic(`media flowed again ${gap} ms after Prosody was killed`);
}, 120_000);

part('a meeting of two on a phone leaves cleanly', async () => {
  await control(bob, 'Leave').click();
  await until('Cleo is alone', async () => (await cleo.state()).members.length === 0);
  await control(cleo, 'Leave').click();
  await until('Cleo left', async () => (await cleo.state()).phase === 'ended');
  assert.deepEqual([...bob.errors, ...cleo.errors], []);
});
