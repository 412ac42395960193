// Debian's Firefox ESR with a camera and a microphone that are not real, steered by WebDriver BiDi: playwright-core wants a
// Firefox of its own making, this one is what people have.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import bundle from 'playwright-core/lib/utilsBundle';
import { until } from './browser.mjs';

const preferences = {
  'media.navigator.permission.disabled': true, 'media.navigator.streams.fake': true, 'media.peerconnection.ice.loopback': true,
  'media.autoplay.default': 0, 'media.autoplay.blocking_policy': 0,
  // Nothing goes out.
  'app.update.enabled': false, 'browser.safebrowsing.malware.enabled': false, 'browser.safebrowsing.phishing.enabled': false,
  'browser.shell.checkDefaultBrowser': false, 'datareporting.policy.dataSubmissionEnabled': false, 'extensions.update.enabled': false,
  'media.gmp-manager.updateEnabled': false, 'media.gmp-manager.url': '', 'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false, 'services.settings.server': '', 'toolkit.telemetry.enabled': false,
};

export class Firefox {
  static async open({ folder, binary = 'firefox-esr' }) {
    const profile = fs.mkdtempSync(path.join(folder, 'state-firefox-'));
    fs.writeFileSync(path.join(profile, 'user.js'),
      Object.entries(preferences).map(([k, v]) => `user_pref(${JSON.stringify(k)}, ${JSON.stringify(v)});\n`).join(''));
    const child = spawn(binary, ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0'],
      { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, HOME: profile } });
    const firefox = new Firefox(child);
    let said = '';
    child.stderr.on('data', (d) => { said = (said + d).slice(-10_000); });
    try {
      const url = await until('Firefox listens', () => /BiDi listening on (ws:\S+)/.exec(said)?.[1], { within: 60_000 });
      await firefox.#connect(`${url}/session`);
    } catch (error) {
      firefox.close();
      throw error;
    }
    return firefox;
  }

  #next = 0;
  #waiting = new Map();
  constructor(child) {
    this.child = child;
  }

  async #connect(url) {
    this.socket = new bundle.ws(url);
    await new Promise((done, fail) => this.socket.on('open', done).on('error', fail));
    this.socket.on('message', (data) => {
      const message = JSON.parse(data);
      this.#waiting.get(message.id)?.(message);
      this.#waiting.delete(message.id);
    });
    const session = await this.#say('session.new', { capabilities: {} });
    this.version = session.capabilities.browserVersion;
    this.context = (await this.#say('browsingContext.getTree')).contexts[0].context;
  }

  async #say(method, params = {}) {
    const id = ++this.#next;
    const answer = new Promise((done) => this.#waiting.set(id, done));
    this.socket.send(JSON.stringify({ id, method, params }));
    const { type, result, error, message } = await answer;
    if (type !== 'success') throw new Error(`${method}: ${error}: ${message}`);
    return result;
  }

  go(url) {
    return this.#say('browsingContext.navigate', { context: this.context, url, wait: 'complete' });
  }

  /** What an expression of the page becomes; it may be a promise. */
  async ask(expression) {
    const { result, exceptionDetails } = await this.#say('script.evaluate',
      { expression: `(async () => JSON.stringify(await (${expression})))()`, target: { context: this.context }, awaitPromise: true, userActivation: true });
    if (exceptionDetails) throw new Error(exceptionDetails.text);
    return result.value === undefined ? undefined : JSON.parse(result.value);
  }

  async screenshot(file) {
    const { data } = await this.#say('browsingContext.captureScreenshot', { context: this.context });
    fs.writeFileSync(file, Buffer.from(data, 'base64'));
  }

  close() {
    this.socket?.terminate();
    this.child.kill('SIGKILL');
  }
}
