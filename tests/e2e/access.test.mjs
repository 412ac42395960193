// Can everybody use it? By keyboard alone, by what a screen reader is told, on a phone's width, in light and dark, with another brand.
// TACOMA: the binary · WEB: the built pages · OUT: a folder for logs and screenshots
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { open_browser, Person, until } from './browser.mjs';
import { Deployment } from './deployment.mjs';

const { TACOMA: tacoma, WEB: web_root, OUT: out = 'e2e-out' } = process.env;
fs.mkdirSync(out, { recursive: true });
const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const phone = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };

let deployment, browser, people = [];

before(async () => {
  deployment = await Deployment.start({ tacoma, web_root, state: fs.mkdtempSync(path.join(out, 'state-')), log: path.join(out, 'access-up.log') });
  browser = await open_browser();
}, { timeout: 90_000 });

after(async () => {
  await browser?.close();
  await deployment?.stop();
}, { timeout: 60_000 });

async function open(room, name, options) {
  const person = await Person.open(browser, deployment.room(room), name, options);
  people.push(person);
  return person;
}
async function empty() {
  for (const person of people) {
    assert.deepEqual(person.errors, [], `errors in ${person.name}'s page`);
    await person.close();
  }
  people = [];
}
const focused = (person) => person.page.evaluate(() => {
  const at = document.activeElement;
  const style = getComputedStyle(at);
  return {
    name: at.getAttribute('aria-label') ?? at.closest('label')?.firstChild.textContent ?? at.textContent.trim(), tag: at.tagName.toLowerCase(),
    ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2, in_dialog: !!at.closest('dialog'),
  };
});
/** Presses Tab until `name` has the focus. Every stop on the way must have a name and show its ring. */
async function tab_to(person, name) {
  const stops = [];
  for (let i = 0; i < 40; ++i) {
    await person.page.keyboard.press('Tab');
    const at = await focused(person);
    stops.push(at.name);
    if (at.tag !== 'body') {
      assert.ok(at.name, `a stop without a name after ${stops.join(', ')}`);
      assert.ok(at.ring, `the focus on '${at.name}' is not seen`);
    }
    if (at.name === name) return;
  }
  assert.fail(`Tab does not reach '${name}', only ${stops.join(', ')}`);
}
/** The page moves the focus a moment after the key that makes it do so. */
const has_focus = (person, name) => until(`the focus is on '${name}'`, async () => (await focused(person)).name === name, { within: 10_000, every: 50 });
const gone = (what, locator) => until(`${what} is gone`, () => locator.count().then((n) => n === 0), { within: 10_000, every: 50 });
const said = (person) => person.page.getByRole('status').first().innerText();
const hears = (person, words) => until(`${person.name} is told '${words}'`, async () => (await said(person)).includes(words));

test('a whole meeting by keyboard alone', { timeout: 120_000 }, async () => {
  const bob = await open('keys', 'Bob');
  await bob.join();
  await bob.joined();
  const ada = await open('keys', 'Ada');
  const { keyboard } = ada.page;
  await until('the name has the focus', async () => (await focused(ada)).name === 'Your name');
  await keyboard.type('Ada');
  await tab_to(ada, 'Join muted');
  await tab_to(ada, 'Join');
  await keyboard.press('Enter');
  await ada.joined();
  await hears(ada, 'You are in the room keys, with Bob.');
  await hears(bob, 'Ada joined.');
  await ada.sees_and_hears(bob);

  await tab_to(ada, 'Mute');
  await keyboard.press('Space');
  await until('Ada is muted', async () => (await ada.state()).me.audio_muted);
  await has_focus(ada, 'Unmute');
  await hears(ada, 'Your microphone is off.');
  await hears(bob, 'Ada is muted.');

  await tab_to(ada, 'Chat');
  await keyboard.press('Enter');
  await has_focus(ada, 'Message to everybody');
  await keyboard.type('mind the gap');
  await keyboard.press('Enter');
  await hears(bob, 'Ada says: mind the gap');
  await keyboard.press('Escape');
  await gone('the chat', ada.page.getByRole('complementary', { name: 'Chat' }));
  await has_focus(ada, 'Chat'); // it returns to the button

  await keyboard.press('e');
  await has_focus(ada, 'Streams');
  await keyboard.press('Escape');
  await keyboard.press('d');
  await until('the dialog', async () => (await focused(ada)).in_dialog);
  for (let i = 0; i < 8; ++i) {
    await keyboard.press('Tab');
    const at = await focused(ada);
    assert.ok(at.in_dialog || at.tag === 'body', `Tab left the dialog for '${at.name}'`);
  }
  await keyboard.press('Escape');
  await gone('the dialog', ada.page.getByRole('dialog'));
  await has_focus(ada, 'Streams'); // it returns to where it was

  await tab_to(ada, 'Leave');
  await keyboard.press('Enter');
  await until('Ada left', async () => (await ada.state()).phase === 'ended');
  await hears(bob, 'Ada left.');
  await until('the focus is on the page that comes then', async () => (await focused(ada)).name === 'Your name');
  await empty();
});

async function check(person, where) {
  await person.page.evaluate(axe);
  const found = await person.page.evaluate(() => window.axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  }));
  const lines = found.violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.html.slice(0, 160)} (${n.any[0]?.message ?? n.all[0]?.message ?? v.help})`));
  assert.deepEqual(lines, [], `${where}: ${found.passes.length} rules pass`);
  assert.ok(found.passes.length > 15, `${where}: only ${found.passes.length} rules applied`);
}
/** Nothing that can be pressed is beyond the edge, and the page does not move sideways. */
async function fits(person, where) {
  const look = () => person.page.evaluate(() => ({
    wide: document.documentElement.scrollWidth - window.innerWidth,
    beyond: [...document.querySelectorAll('button, input, select, textarea')].filter((n) => n.checkVisibility() && !n.closest('.strip')).flatMap((n) => {
      const box = n.getBoundingClientRect();
      return box.left < 0 || box.right > window.innerWidth + 0.5 || box.width < 24 || box.height < 24 ? [`${n.getAttribute('aria-label') ?? n.textContent} ${JSON.stringify(box)}`] : [];
    }),
  }));
  // The floor is laid out when its size has been measured: a moment after what changed it.
  let seen;
  await until('everything has its place', async () => (seen = await look()).wide === 0 && !seen.beyond.length, { within: 5_000, every: 100 }).catch(() => undefined);
  assert.equal(seen.wide, 0, `${where} moves sideways`);
  assert.deepEqual(seen.beyond, [], where);
}
const control = (person, name) => person.page.getByRole('navigation', { name: 'Controls' }).getByRole('button', { name });

for (const [kind, options] of [
  ['light', { colorScheme: 'light' }], ['dark', { colorScheme: 'dark' }], ['phone-light', { ...phone, colorScheme: 'light' }], ['phone-dark', { ...phone, colorScheme: 'dark' }],
])
  test(`every page has names, roles, contrast and room: ${kind}`, { timeout: 120_000 }, async () => {
    const room = `access-${kind}`;
    const ada = await open(room, 'Ada', { ...options, reducedMotion: 'reduce' });
    const bob = await open(room, 'Bob', { viewport: { width: 500, height: 400 } });
    await until('the preview', () => ada.page.evaluate(() => document.querySelector('.preview video')?.videoWidth > 0));
    const seen = async (where) => {
      await check(ada, where);
      await fits(ada, where);
      await ada.page.screenshot({ path: path.join(out, `${where.replaceAll(' ', '-')}-${kind}.png`) });
    };
    await seen('join page');
    await ada.join();
    await ada.joined();
    await seen('alone');
    await bob.join();
    await bob.joined();
    await ada.sees_and_hears(bob);
    await bob.page.evaluate(() => window.tacoma.say('Hello https://example.org/a/rather/long/address/that/goes/on/and/on'));
    await hears(ada, 'Bob says: Hello');
    await seen('room of two');
    await control(ada, /^Chat/).click();
    await seen('chat');
    await control(ada, /^People/).click();
    await seen('people');
    await ada.page.getByRole('button', { name: 'Remove Bob' }).click();
    await seen('remove dialog');
    await ada.page.getByRole('button', { name: 'Cancel' }).click();
    await has_focus(ada, 'Remove Bob'); // it returns to the button
    await ada.page.keyboard.press('Escape');
    const narrow = await control(ada, 'More').isVisible();
    const press = async (name) => {
      if (narrow) await control(ada, 'More').click();
      await control(ada, name).last().click();
    };
    if (narrow) {
      await control(ada, 'More').click();
      await seen('menu');
      await ada.page.keyboard.press('Escape');
    }
    await press('Streams');
    await until('figures', () => ada.page.locator('.overlay tbody tr').count().then((n) => n >= 4));
    await seen('streams');
    await ada.page.keyboard.press('Escape');
    await gone('the overlay', ada.page.locator('.overlay'));
    await press('Room password');
    await seen('password dialog');
    await ada.page.keyboard.press('Escape');
    await press('Devices');
    await seen('devices dialog');
    await ada.page.keyboard.press('Escape');
    await ada.page.getByRole('button', { name: 'Pin Bob' }).click();
    await seen('stage');
    assert.equal(await ada.page.evaluate(() => document.getAnimations().length), 0, 'somebody who wants little motion gets none');
    await ada.page.evaluate(() => window.dispatchEvent(new Event('offline')));
    await ada.page.getByText('This device has no network').waitFor();
    await seen('offline');
    await ada.page.evaluate(() => window.dispatchEvent(new Event('online')));
    await control(ada, 'Leave').click();
    await until('Ada left', async () => (await ada.state()).phase === 'ended');
    await gone('the camera’s picture', ada.page.locator('video'));
    await seen('left');
    await empty();
  });

test('a crowd does not burst a phone', { timeout: 60_000 }, async () => {
  const ada = await open('crowd', 'Ada', phone);
  await ada.join();
  await ada.joined();
  await ada.page.evaluate(() => {
    const { store } = window.tacoma;
    store.set({ members: Array.from({ length: 60 }, (_, i) => ({ id: `p${i}`, name: `Person of a rather long name ${i}`, moderator: false, sources: {}, active: true })) });
  });
  const others = ada.page.getByRole('button', { name: /others: show everybody/ });
  await others.waitFor();
  const shown = await ada.page.locator('.tile').count();
  assert.ok(shown >= 8 && shown < 20, `${shown} tiles`);
  await until('the rest is counted', async () => (await others.innerText()) === `+${61 - (await ada.page.locator('.tile').count())}`);
  await check(ada, 'crowd');
  await fits(ada, 'crowd');
  await ada.page.screenshot({ path: path.join(out, 'crowd-phone.png') });
  await ada.page.evaluate(() => window.tacoma.store.set({ dominant: 'p59' }));
  await ada.page.getByRole('article', { name: /name 59, muted, speaking/ }).waitFor();
  await others.click();
  await until('all are named', () => ada.page.getByRole('list', { name: 'People in the room' }).getByRole('listitem').count().then((n) => n === 61));
  await fits(ada, 'crowd, people');
  await empty();
});

test('one file brands it', { timeout: 60_000 }, async () => {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, colorScheme: 'light' });
  await context.route('**/branding.json', (r) => r.fulfill({
    json: { name: 'Narrows', tagline: 'Mind the wind.', logo: '/other.svg', colors: { light: { accent: '#7a1f5c', onAccent: '#fff0fa' } } },
  }));
  await context.route('**/other.svg', (r) => r.fulfill({ contentType: 'image/svg+xml', body: '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h9v9z"/></svg>' }));
  const page = await context.newPage();
  await page.goto(deployment.room('branded'));
  await page.getByText('Mind the wind.').waitFor();
  await until('the logo is drawn', () => page.evaluate(() => document.querySelector('header img')?.naturalWidth > 0));
  const seen = await page.evaluate(() => {
    const join = getComputedStyle(document.querySelector('button[type=submit]'));
    const logo = document.querySelector('header img');
    return { title: document.title, join: [join.backgroundColor, join.color], logo: new URL(logo.src).pathname, drawn: logo.complete && logo.naturalWidth > 0, icon: document.querySelector('link[rel=icon]').getAttribute('href') };
  });
  assert.deepEqual(seen, { title: 'Narrows', join: ['rgb(122, 31, 92)', 'rgb(255, 240, 250)'], logo: '/other.svg', drawn: true, icon: '/other.svg' });
  await context.close();
});
