// A bottleneck in front of a bridge: browsers send to its port, it passes everything on, and what comes back to a browser may be
// held to a rate with a queue of so many ms, beyond which packets are lost. In user space: the kernel here may have no traffic control.
import dgram from 'node:dgram';

const bound = (socket, port = 0) => new Promise((done, failed) => {
  socket.once('error', failed);
  socket.bind(port, '127.0.0.1', () => done(socket.address().port));
});

export class Shaper {
  /** The bridge is at 127.0.0.1:`bridge_port`. */
  static async start(bridge_port) {
    const shaper = new Shaper(bridge_port);
    shaper.port = await bound(shaper.front);
    return shaper;
  }

  front = dgram.createSocket('udp4');
  flows = []; // one for each port that browsers send from, in order of their first packets
  constructor(bridge_port) {
    this.bridge_port = bridge_port;
    this.front.on('message', (packet, from) => void this.#up(packet, from));
  }

  async #up(packet, from) {
    let flow = this.flows.find((f) => f.port === from.port);
    if (!flow) {
      flow = { port: from.port, back: dgram.createSocket('udp4'), rate: Infinity, queue_ms: 200, free_at: 0, waiting: new Set(), lost: 0, passed: 0 };
      this.flows.push(flow);
      flow.back.on('message', (answer) => this.#down(flow, answer));
      flow.ready = bound(flow.back);
    }
    await flow.ready;
    flow.back.send(packet, this.bridge_port, '127.0.0.1');
  }

  #down(flow, packet) {
    const now = performance.now();
    const start = Math.max(now, flow.free_at);
    if (start - now > flow.queue_ms) {
      ++flow.lost;
      return;
    }
    flow.free_at = start + (packet.length * 8_000) / flow.rate;
    ++flow.passed;
    const wait = flow.free_at - now;
    const go = () => this.front.send(packet, flow.port, '127.0.0.1');
    if (wait < 0.5) return go();
    const timer = setTimeout(() => {
      flow.waiting.delete(timer);
      go();
    }, wait);
    flow.waiting.add(timer);
  }

  /** Bits per second towards those whose first packet came after there were `from` of them; Infinity: as before. */
  limit(from, rate) {
    for (const flow of this.flows.slice(from)) flow.rate = rate;
  }

  stop() {
    for (const flow of this.flows) {
      for (const timer of flow.waiting) clearTimeout(timer);
      flow.back.close();
    }
    this.front.close();
  }
}
