// Asks the focus to come into the room, by IQ or by HTTP. Only then may we join: the first to join makes the room.
import { NS } from '../namespaces';
import { child, el } from '../xml';
import { StanzaError, type Stream } from './connection';

export interface ConferenceAnswer { ready: boolean; focus_jid: string }

const first_wait = 1_000;
const longest_wait = 15_000;

async function by_iq(stream: Stream | undefined, focus: string, room: string, machine: string): Promise<ConferenceAnswer> {
  if (!stream) throw new StanzaError('timeout', 'wait', 'not connected');
  const result = await stream.iq('set', focus, el('conference', { xmlns: NS.focus, room, 'machine-uid': machine }));
  const conference = child(result, 'conference', NS.focus);
  if (!conference) throw new StanzaError('undefined-condition', 'cancel', 'the focus gave no answer that makes sense');
  return { ready: conference.getAttribute('ready') === 'true', focus_jid: conference.getAttribute('focusjid') ?? focus };
}

async function by_http(url: string, room: string, machine: string): Promise<ConferenceAnswer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ room, machineUid: machine, properties: {} }),
    signal: AbortSignal.timeout(15_000),
  });
  if (response.status === 403) throw new StanzaError('not-authorized', 'auth', 'the deployment wants a login');
  if (!response.ok) throw new StanzaError('internal-server-error', 'cancel', `the conference request ended with ${response.status}`);
  const body = (await response.json()) as { ready?: boolean; focusJid?: string };
  return { ready: body.ready === true, focus_jid: body.focusJid ?? '' };
}

/** Asks until the focus is in the room; `alive` says whether anybody still wants to know. */
export async function request_conference(
  ask: { stream?: Stream; focus: string; url?: string; room: string; machine: string },
  alive: () => boolean,
): Promise<ConferenceAnswer> {
  for (let wait = first_wait; ; wait = Math.min(2 * wait, longest_wait)) {
    try {
      const answer = ask.url ? await by_http(ask.url, ask.room, ask.machine) : await by_iq(ask.stream, ask.focus, ask.room, ask.machine);
      if (answer.ready) return answer;
    } catch (error) {
      // A focus that is just coming up: the server says so with one of these.
      const soon = ['service-unavailable', 'remote-server-not-found', 'timeout', 'resource-constraint', 'remote-server-timeout'];
      if (error instanceof StanzaError && !soon.includes(error.condition) && error.condition !== 'internal-server-error') throw error;
    }
    await new Promise((done) => setTimeout(done, wait));
    if (!alive()) throw new StanzaError('gone', 'cancel', 'nobody waits any more');
  }
}
