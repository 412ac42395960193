// make bench-join: from the click on "Join" to the first decoded frame of the other, step by step. JOINS times, two people, one machine.
import fs from 'node:fs';
import path from 'node:path';
import { open_browser, Person, until } from './browser.mjs';
import { Deployment } from './deployment.mjs';

const { TACOMA: tacoma, WEB: web_root, OUT: out, JOINS: joins = '20' } = process.env;
fs.mkdirSync(out, { recursive: true });
const kLimit = 1500; // ms, p95
const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)];

const deployment = await Deployment.start({ tacoma, web_root, state: fs.mkdtempSync(path.join(out, 'state-')), log: path.join(out, 'bench-up.log') });
const browser = await open_browser();
const runs = [];
try {
  const host = await Person.open(browser, deployment.room('bench'), 'Host');
  await host.join();
  await host.joined();
  for (let i = 0; i < Number(joins); ++i) {
    const guest = await Person.open(browser, deployment.room('bench'), `Guest ${i + 1}`);
    await guest.join();
    await until('the first frame', async () => (await guest.steps()).some((s) => s.name === 'first remote frame'), { within: 30_000, every: 50 });
    runs.push(await guest.steps());
    await guest.page.getByRole('button', { name: 'Leave' }).click();
    await guest.close();
    await until('the host is alone', async () => (await host.state()).members.length === 0);
  }
} finally {
  await browser.close();
  await deployment.stop();
}

const names = [...new Set(runs.flatMap((r) => r.map((s) => s.name)))];
const rows = names.map((name) => {
  const times = runs.flatMap((r) => r.find((s) => s.name === name)?.at ?? []).sort((a, b) => a - b);
  return { name, seen: times.length, p50: quantile(times, 0.5), p95: quantile(times, 0.95), max: times.at(-1) };
}).sort((a, b) => a.p50 - b.p50);
console.log(`${runs.length} joins to a room of one, ms since the click on Join\n`);
console.log('step                    seen     p50     p95     max');
for (const r of rows) console.log(`${r.name.padEnd(22)} ${String(r.seen).padStart(5)} ${[r.p50, r.p95, r.max].map((n) => n.toFixed(0).padStart(7)).join(' ')}`);
const p95 = rows.find((r) => r.name === 'first remote frame').p95;
console.log(`\np95 of the join: ${p95.toFixed(0)} ms, ${p95 < kLimit ? 'within' : 'OVER'} ${kLimit} ms`);
process.exitCode = p95 < kLimit ? 0 : 1;
