// One XMPP stream over WebSocket (RFC 7395), SASL ANONYMOUS. Strophe does the stream; this gives promises, and one way in.
import { Strophe } from 'strophe.js';
import { NS } from '../namespaces';
import { child, el, text_of } from '../xml';

export class StanzaError extends Error {
  constructor(readonly condition: string, readonly type: string, text?: string) {
    super(text || condition);
  }
}

/** The condition of an error stanza; `timeout` where nobody answered. */
export function stanza_error(stanza: Element | null): StanzaError {
  const error = stanza && child(stanza, 'error');
  if (!error) return new StanzaError('timeout', 'wait', 'no answer in time');
  const condition = Array.from(error.children).find((c) => c.namespaceURI === NS.stanzas && c.localName !== 'text');
  return new StanzaError(condition?.localName ?? 'undefined-condition', error.getAttribute('type') ?? 'cancel', text_of(error, 'text'));
}

export interface StreamEvents {
  closed(reason: string): void;
  presence(stanza: Element): void;
  message(stanza: Element): void;
  /** Returns the answer's children, or throws a StanzaError. */
  iq(request: Element): Element | undefined;
}

const kIqTimeout = 15_000;
const kConnectTimeout = 10_000;
const kPingEvery = 10_000;
const kPingTimeout = 5_000;

export class Stream {
  private connection: InstanceType<typeof Strophe.Connection>;
  private open = false;
  private over = false;
  private ping_timer?: ReturnType<typeof setTimeout>;
  private missed_pings = 0;

  private constructor(url: string, private domain: string, private events: StreamEvents) {
    this.connection = new Strophe.Connection(url, { mechanisms: [Strophe.SASLAnonymous], keepalive: false } as never);
  }

  static connect(url: string, domain: string, events: StreamEvents): Promise<Stream> {
    const stream = new Stream(url, domain, events);
    return new Promise((resolve, reject) => {
      const limit = setTimeout(() => stream.fail('no connection in time', reject), kConnectTimeout);
      stream.connection.connect(domain, '', (status: number, reason?: string | null) => {
        switch (status) {
          case Strophe.Status.CONNECTED:
            clearTimeout(limit);
            stream.on_open();
            resolve(stream);
            break;
          case Strophe.Status.AUTHFAIL:
          case Strophe.Status.CONNFAIL:
          case Strophe.Status.CONNTIMEOUT:
          case Strophe.Status.DISCONNECTED:
          case Strophe.Status.ERROR:
            clearTimeout(limit);
            stream.fail(reason || 'the connection was closed', reject);
        }
      });
    });
  }

  get jid(): string {
    return this.connection.jid;
  }

  send(stanza: Element): void {
    if (this.open) this.connection.send(stanza);
  }

  /** The result. Rejects with a StanzaError, of condition `timeout` where there was no answer. */
  iq(type: 'get' | 'set', to: string | undefined, payload: Element, timeout = kIqTimeout): Promise<Element> {
    return new Promise((resolve, reject) => {
      if (!this.open) return reject(new StanzaError('timeout', 'wait', 'not connected'));
      const stanza = el('iq', { xmlns: NS.client, type, to, id: this.connection.getUniqueId('t') }, payload);
      this.connection.sendIQ(stanza, resolve, (error: Element | null) => reject(stanza_error(error)), timeout);
    });
  }

  close(): void {
    this.over = true;
    this.stop();
    this.connection.disconnect('leaving');
  }

  /** For tests and for a network that has gone: the stream ends as if the network had cut it. */
  abort(reason: string): void {
    this.fail(reason);
  }

  private on_open(): void {
    this.open = true;
    const guard = (handle: (stanza: Element) => void) => (stanza: Element) => {
      try {
        handle(stanza);
      } catch (error) {
        console.error('tacoma: a stanza was not understood:', error);
      }
      return true; // keeps the handler
    };
    this.connection.addHandler(guard((s) => this.events.presence(s)), null, 'presence', null);
    this.connection.addHandler(guard((s) => this.events.message(s)), null, 'message', null);
    this.connection.addHandler(guard((s) => this.on_iq(s)), null, 'iq', ['get', 'set']);
    this.ping_timer = setTimeout(() => void this.ping(), kPingEvery);
  }

  private on_iq(request: Element): void {
    const answer = { xmlns: NS.client, to: request.getAttribute('from') ?? undefined, id: request.getAttribute('id') ?? undefined };
    try {
      const payload = this.events.iq(request);
      this.send(el('iq', { ...answer, type: 'result' }, payload));
    } catch (error) {
      const e = error instanceof StanzaError ? error : new StanzaError('bad-request', 'modify', String((error as Error).message ?? error));
      this.send(el('iq', { ...answer, type: 'error' },
        el('error', { type: e.type }, el(e.condition, { xmlns: NS.stanzas }), el('text', { xmlns: NS.stanzas }, e.message),
          e.condition === 'item-not-found' && child(request, 'jingle', NS.jingle) ? el('unknown-session', { xmlns: NS.jingle_errors }) : null)));
    }
  }

  private async ping(): Promise<void> {
    try {
      await this.iq('get', this.domain, el('ping', { xmlns: NS.ping }), kPingTimeout);
      this.missed_pings = 0;
    } catch (error) {
      if ((error as StanzaError).condition === 'timeout') ++this.missed_pings;
    }
    if (this.missed_pings >= 2) return this.fail('the server does not answer');
    if (this.open) this.ping_timer = setTimeout(() => void this.ping(), this.missed_pings ? 0 : kPingEvery);
  }

  private stop(): void {
    this.open = false;
    clearTimeout(this.ping_timer);
  }

  private fail(reason: string, reject?: (error: Error) => void): void {
    const was_open = this.open;
    this.stop();
    reject?.(new Error(reason));
    if (this.over) return;
    this.over = true;
    this.connection.disconnect(reason);
    if (was_open) this.events.closed(reason);
  }
}
