// A room whose bridge channel is a data channel: `tacoma up --channel data`.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { open_browser, Person, until } from './browser.mjs';
import { Deployment } from './deployment.mjs';

const { TACOMA: tacoma, WEB: web_root, OUT: out = 'e2e-out' } = process.env;
fs.mkdirSync(out, { recursive: true });

let deployment, browser, ada, bob;
before(async () => {
  deployment = await Deployment.start({
    tacoma, web_root, state: fs.mkdtempSync(path.join(out, 'state-')), log: path.join(out, 'tacoma-up-data.log'), extra: ['--channel', 'data'],
  });
  browser = await open_browser();
}, { timeout: 90_000 });

after(async () => {
  for (const person of [ada, bob]) if (person) fs.writeFileSync(path.join(out, `data-${person.name}.log`), [...person.errors, ...person.log].join('\n'));
  await browser?.close();
  await deployment?.stop();
}, { timeout: 60_000 });

/** The data channels of a page's session, as the browser counts them. */
const channels = (person) =>
  person.page.evaluate(async () => {
    const rows = [];
    (await window.tacoma.session.pc.getStats()).forEach((s) => s.type === 'data-channel' && rows.push(s));
    return rows.map(({ label, protocol, state, messagesSent, messagesReceived }) => ({ label, protocol, state, messagesSent, messagesReceived }));
  });
const open_channel = async (person) => (await channels(person)).find((c) => c.state === 'open');

test('two people meet, with a data channel each and no WebSocket to the bridge', { timeout: 90_000 }, async () => {
  ada = await Person.open(browser, deployment.room('data'), 'Ada');
  const sockets = [];
  ada.page.on('websocket', (socket) => sockets.push(socket.url()));
  await ada.join();
  await ada.joined();
  bob = await Person.open(browser, deployment.room('data'), 'Bob');
  await bob.join();
  await bob.joined();
  await ada.sees_and_hears(bob);
  await bob.sees_and_hears(ada);
  for (const person of [ada, bob]) {
    await until(`${person.name}'s channel`, async () => (await person.state()).channel === 'open');
    const channel = await until(`${person.name}'s data channel`, () => open_channel(person));
    assert.equal(channel.label, 'JVB data channel');
    assert.equal(channel.protocol, 'http://jitsi.org/protocols/colibri');
  }
  assert.ok(sockets.some((url) => url.includes('xmpp-websocket')) && !sockets.some((url) => url.includes('colibri-ws')), sockets.join(' '));
});

test('what the bridge says comes over it', { timeout: 60_000 }, async () => {
  await until('forwarded sources', async () => (await ada.state()).forwarded?.includes(`${bob.id}-v0`));
  await until('a dominant speaker', async () => [ada.id, bob.id].includes((await ada.state()).dominant));
  await until('messages both ways', async () => {
    const channel = await open_channel(ada);
    return channel.messagesSent >= 1 && channel.messagesReceived >= 2;
  });
});

test('a channel that is cut comes back', { timeout: 60_000 }, async () => {
  await ada.page.evaluate(() => window.tacoma.channel.cut());
  await until('the loss is seen', async () => (await ada.state()).channel !== 'open');
  await until('the channel is back', async () => (await ada.state()).channel === 'open');
  await until('it is another one', async () => (await channels(ada)).filter((c) => c.state === 'open').length === 1);
  await until('the bridge says there how things stand', async () => (await open_channel(ada)).messagesReceived >= 1);
  await ada.sees_and_hears(bob);
  assert.deepEqual([...ada.errors, ...bob.errors], []);
});
