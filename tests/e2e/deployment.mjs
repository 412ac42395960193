// `tacoma up` as a child: a whole deployment in a folder of its own, and the processes that it is made of.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';

const free_port = () => new Promise((done) => {
  const server = net.createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => done(port));
  });
});

const children_of = (pid) =>
  fs.readdirSync('/proc').filter((d) => /^\d+$/.test(d)).flatMap((d) => {
    try {
      const stat = fs.readFileSync(`/proc/${d}/stat`, 'utf8');
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return Number(parent) === pid && state !== 'Z' ? [{ pid: Number(d), command: fs.readFileSync(`/proc/${d}/cmdline`, 'utf8').replaceAll('\0', ' ') }] : [];
    } catch {
      return []; // it ended while we looked
    }
  });

export class Deployment {
  /** Resolves when the deployment says where its rooms are. */
  static async start({ tacoma, web_root, state, log, extra = [] }) {
    fs.mkdirSync(state, { recursive: true });
    const port = await free_port();
    const child = spawn(tacoma, ['up', '--web-root', web_root, '--state', state, '--port', String(port), '--media-port', '0', ...extra], { stdio: ['ignore', 'pipe', 'pipe'] });
    const deployment = new Deployment(child, log);
    await deployment.#ready(60_000);
    return deployment;
  }

  #said = '';
  constructor(child, log) {
    this.child = child;
    const out = fs.createWriteStream(log, { flags: 'a' });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (d) => {
        this.#said = (this.#said + d).slice(-100_000);
        out.write(d);
      });
    child.on('exit', (code) => { this.ended = code ?? 'signal'; });
  }

  async #ready(within) {
    for (const end = Date.now() + within; Date.now() < end; await new Promise((done) => setTimeout(done, 100))) {
      const url = /is up: (https?:\/\/\S+)/.exec(this.#said)?.[1];
      if (url) {
        this.origin = new URL(url).origin;
        return;
      }
      if (this.ended !== undefined) break;
    }
    throw new Error(`tacoma up ${this.ended !== undefined ? `ended with ${this.ended}` : 'was not ready in time'}:\n${this.#said}`);
  }

  room(name) {
    return `${this.origin}/${name}`;
  }

  /** A part by a word of its command line: 'tacoma-bridge', 'tacoma-focus', 'prosody'. */
  part(word) {
    const found = children_of(this.child.pid).find((c) => path.basename(c.command.split(' ')[0]).includes(word) || c.command.includes(word));
    if (!found) throw new Error(`no process '${word}' among: ${children_of(this.child.pid).map((c) => c.command).join(' | ')}`);
    return found.pid;
  }

  kill(word) {
    process.kill(this.part(word), 'SIGKILL');
  }

  async stop() {
    if (this.ended !== undefined) return;
    this.child.kill('SIGINT');
    for (let i = 0; i < 150 && this.ended === undefined; ++i) await new Promise((done) => setTimeout(done, 100));
    if (this.ended === undefined) this.child.kill('SIGKILL');
  }
}
