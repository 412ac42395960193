// Debian's Chromium, steered by playwright-core: pages of people with cameras and microphones that are not real.
import { chromium } from 'playwright-core';

const executable = process.env.CHROMIUM ?? '/usr/bin/chromium';

export async function open_browser() {
  return chromium.launch({
    executablePath: executable,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
      '--disable-sync', '--ignore-certificate-errors', '--allow-loopback-in-peer-connection', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
      '--autoplay-policy=no-user-gesture-required', '--auto-select-desktop-capture-source=Entire screen',
    ],
  });
}

/** Waits for what a question about the page becomes, and says at the end what it was instead. */
export async function until(what, ask, { within = 20_000, every = 200 } = {}) {
  const end = Date.now() + within;
  let last;
  for (;;) {
    try {
      last = await ask();
      if (last) return last;
    } catch (error) {
      last = error.message;
    }
    if (Date.now() > end) throw new Error(`not within ${within} ms: ${what} (last: ${JSON.stringify(last)})`);
    await new Promise((done) => setTimeout(done, every));
  }
}

export class Person {
  static async open(browser, url, name, options = {}) {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 800 }, ...options });
    const page = await context.newPage();
    const person = new Person(page, name);
    page.on('console', (m) => {
      if (['error', 'warning'].includes(m.type())) person.log.push(m.text());
      if (process.env.E2E_VERBOSE) console.log(`  [${name}] ${m.text()}`);
    });
    page.on('pageerror', (e) => person.errors.push(e.message));
    await page.goto(url);
    return person;
  }

  log = [];
  errors = [];
  constructor(page, name) {
    this.page = page;
    this.name = name;
  }

  state() {
    return this.page.evaluate(() => {
      const { own_camera, own_screen, own_microphone, tracks, ...plain } = window.tacoma.store.state;
      return { ...plain, tracks: Object.keys(tracks) };
    });
  }
  steps() {
    return this.page.evaluate(() => window.tacoma.steps);
  }

  async join({ camera = true, microphone = true } = {}) {
    const { page } = this;
    await page.getByLabel('Your name').fill(this.name);
    if (!microphone) await page.getByRole('button', { name: 'Join muted' }).click();
    if (!camera) await page.getByRole('button', { name: 'Join without camera' }).click();
    await until(`${this.name} sees the preview`, () => page.evaluate((c) => !c || document.querySelector('.preview video')?.videoWidth > 0, camera));
    await page.getByRole('button', { name: /^Join( again)?$/ }).click();
  }

  async joined(within = 20_000) {
    await until(`${this.name} is in the room`, async () => (await this.state()).phase === 'joined', { within });
    this.id = (await this.state()).me.id;
  }

  /** Streams that this page receives, straight from the browser: decoded frames, size, audio. */
  received() {
    return this.page.evaluate(async () => {
      const { session } = window.tacoma;
      if (!session) return [];
      const rows = [];
      (await session.pc.getStats()).forEach((s) => {
        if (s.type !== 'inbound-rtp') return;
        const use = session.lines.of_mid(s.mid)?.use;
        if (use?.kind === 'remote')
          rows.push({
            ssrc: s.ssrc, source: use.source.name, owner: use.source.owner, kind: s.kind, frames: s.framesDecoded ?? 0, width: s.frameWidth, height: s.frameHeight,
            packets: s.packetsReceived, energy: s.totalAudioEnergy ?? 0, samples: s.totalSamplesReceived ?? 0,
          });
      });
      return rows;
    });
  }

  /** SSRCs of this person's session: those that are sent, those of others that arrive, and those that the focus signalled. */
  ssrcs() {
    return this.page.evaluate(async () => {
      const { session } = window.tacoma;
      const [sent, arriving] = [[], []];
      (await session.pc.getStats()).forEach((s) => {
        if (s.type === 'outbound-rtp') sent.push(s.ssrc);
        if (s.type === 'inbound-rtp' && session.lines.of_mid(s.mid)?.use.kind === 'remote') arriving.push(s.ssrc);
      });
      return { sent, arriving, signalled: session.offer.sources.filter((s) => s.owner !== 'jvb').flatMap((s) => s.ssrcs.map((x) => x.ssrc)) };
    });
  }

  /** Asks the bridge for so many lines of this person's camera and for nobody else's: from now on in place of what the page shows. */
  want(other, maxHeight) {
    return this.page.evaluate(([source, maxHeight]) => {
      window.tacoma.set_shown = () => undefined;
      clearTimeout(window.tacoma.link.timer);
      window.tacoma.channel.send({
        colibriClass: 'ReceiverVideoConstraints', lastN: -1, selectedSources: [], onStageSources: [source],
        defaultConstraints: { maxHeight: 0 }, constraints: { [source]: { maxHeight } },
      });
    }, [`${other.id}-v0`, maxHeight]);
  }

  /** Video of `other` advances and has a size, and its audio brings sound. */
  async sees_and_hears(other, { video = true, audio = true, within = 20_000 } = {}) {
    const pick = (rows, kind) => rows.find((r) => r.owner === other.id && r.kind === kind && !r.source.endsWith('-v1'));
    const before = await this.received();
    await until(`${this.name} sees and hears ${other.name}`, async () => {
      const now = await this.received();
      const v = pick(now, 'video');
      const a = pick(now, 'audio');
      const moved = (row, key) => row && row[key] > (before.find((r) => r.source === row.source)?.[key] ?? 0) + (key === 'frames' ? 5 : 0);
      const fine = (!video || (moved(v, 'frames') && v.width > 0)) && (!audio || (moved(a, 'packets') && moved(a, 'energy')));
      return fine;
    }, { within });
    return pick(await this.received(), 'video');
  }

  /** Watches the decoded frames of `other` from now on; `longest` ends it with the longest time, in ms, without a new one. */
  async watch_frames(other) {
    await this.page.evaluate((owner) => {
      const watch = (window.watched = { longest: 0, frames: 0, at: performance.now() });
      watch.timer = setInterval(async () => {
        const { session } = window.tacoma;
        let frames = 0;
        (await session.pc.getStats()).forEach((s) => {
          if (s.type === 'inbound-rtp' && s.kind === 'video' && session.lines.of_mid(s.mid)?.use.source?.owner === owner) frames += s.framesDecoded ?? 0;
        });
        const now = performance.now();
        if (frames > watch.frames) watch.at = now;
        watch.frames = frames;
        watch.longest = Math.max(watch.longest, Math.round(now - watch.at));
      }, 50);
    }, other.id);
    return { longest: () => this.page.evaluate(() => (clearInterval(window.watched.timer), window.watched.longest)) };
  }

  tile(other) {
    return this.page.locator(`article[data-owner="${other.id}"]`);
  }

  async close() {
    await this.page.context().close();
  }
}
