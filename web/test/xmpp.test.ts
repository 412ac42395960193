import { Strophe } from 'strophe.js';
import { describe, expect, it, vi } from 'vitest';
import { stanza_error, StanzaError, type Stream } from '../src/xmpp/connection';
import { request_conference } from '../src/xmpp/conference_request';
import { caps, disco_answer, features } from '../src/xmpp/disco';
import { is_locked, kick, make_endpoint_id, mute_order, parse_presence, password_form, write_presence } from '../src/xmpp/muc';
import { child, children, el, namespace_of, parse_xml, text_of } from '../src/xml';

const reparse = (e: Element) => parse_xml(Strophe.serialize(e));

describe('presence', () => {
  const own = { name: 'Ada & "Bob"', sources: { 'ab-a0': { muted: true }, 'ab-v0': { muted: false }, 'ab-v1': { muted: false, video_type: 'desktop' as const } }, codecs: 'vp8', password: 's<e>', encrypted: true };

  it('asks to come in with the password, and says what is muted', () => {
    const p = reparse(write_presence('r@c/ab', own, true));
    expect(text_of(child(p, 'x', 'http://jabber.org/protocol/muc')!, 'password')).toBe('s<e>');
    expect(JSON.parse(text_of(p, 'SourceInfo')!)).toEqual({ 'ab-a0': { muted: true }, 'ab-v0': { muted: false }, 'ab-v1': { muted: false, videoType: 'desktop' } });
    expect(text_of(p, 'nick')).toBe('Ada & "Bob"');
    expect(text_of(p, 'jitsi_participant_e2ee.enabled')).toBe('true');
    expect([text_of(p, 'audiomuted'), text_of(p, 'videomuted')]).toEqual(['true', 'false']);
    expect(child(reparse(write_presence('r@c/ab', own, false)), 'x')).toBeUndefined();
  });

  it('of others is read, with and without SourceInfo', () => {
    const read = parse_presence(parse_xml(`<presence xmlns='jabber:client' from='r@c/cd'><x xmlns='http://jabber.org/protocol/muc#user'><item jid='u@x/y' role='moderator' affiliation='owner'/><status code='110'/></x>
      <nick xmlns='http://jabber.org/protocol/nick'>Cleo</nick><SourceInfo>{"cd-a0":{"muted":false},"cd-v1":{"muted":false,"videoType":"desktop"},"cd-v0":{}}</SourceInfo></presence>`));
    expect(read).toMatchObject({ id: 'cd', jid: 'u@x/y', name: 'Cleo', moderator: true, codes: [110] });
    expect(read.sources).toEqual({ 'cd-a0': { muted: false, video_type: undefined }, 'cd-v0': { muted: true, video_type: undefined }, 'cd-v1': { muted: false, video_type: 'desktop' } });
    const old = parse_presence(parse_xml(`<presence from='r@c/ef'><audiomuted>false</audiomuted><videomuted>true</videomuted></presence>`));
    expect(old.sources).toEqual({ 'ef-a0': { muted: false }, 'ef-v0': { muted: true } });
    expect(parse_presence(parse_xml(`<presence from='r@c/ef'><SourceInfo>{</SourceInfo></presence>`)).sources).toEqual({});
  });

  it('of the focus carries the conference’s properties', () => {
    const read = parse_presence(parse_xml(`<presence from='r@c/focus'><bridgeNotAvailable xmlns='http://jitsi.org/protocol/focus'/>
      <conference-properties xmlns='http://jitsi.org/protocol/focus'><property key='bridge-count' value='2'/></conference-properties></presence>`));
    expect(read).toMatchObject({ bridge_missing: true, properties: { 'bridge-count': '2' } });
  });

  it('says who removed us', () => {
    const read = parse_presence(parse_xml(`<presence type='unavailable' from='r@c/me'><x xmlns='http://jabber.org/protocol/muc#user'><item role='none'><actor nick='cd'/><reason>Enough</reason></item><status code='307'/></x></presence>`));
    expect(read).toMatchObject({ actor: 'cd', reason: 'Enough', codes: [307] });
  });
});

describe('moderation', () => {
  it('is said as the server and the focus want it', () => {
    expect(child(reparse(kick('cd', 'why')), 'item')!.getAttribute('role')).toBe('none');
    const mute = reparse(mute_order('video', 'r@c/cd'));
    expect([namespace_of(mute), mute.getAttribute('jid'), mute.textContent]).toEqual(['http://jitsi.org/jitmeet/video', 'r@c/cd', 'true']);
    const form = child(reparse(password_form('pw')), 'x', 'jabber:x:data')!;
    expect(children(form, 'field').map((f) => [f.getAttribute('var'), f.textContent])).toContainEqual(['muc#roomconfig_roomsecret', 'pw']);
  });
  it('reads a lock', () => {
    const info = (feature: string) => parse_xml(`<iq><query xmlns='http://jabber.org/protocol/disco#info'><feature var='${feature}'/></query></iq>`);
    expect([is_locked(info('muc_passwordprotected')), is_locked(info('muc_unsecured'))]).toEqual([true, false]);
  });
});

describe('disco', () => {
  const neither = features({ sctp: false, rewriting: false, red: false });
  it('says SSRC rewriting and data channels only when wanted', () => {
    const both = ['urn:xmpp:jingle:transports:dtls-sctp:1', 'http://jitsi.org/ssrc-rewriting-1'];
    const count = (sctp: boolean, rewriting: boolean) => both.map((f) => features({ sctp, rewriting, red: false }).includes(f));
    expect([count(true, false), count(false, true), count(false, false)]).toEqual([[true, false], [false, true], [false, false]]);
    expect(features({ sctp: false, rewriting: false, red: true }).filter((f) => !neither.includes(f))).toEqual(['http://jitsi.org/opus-red']);
    const answer = disco_answer(parse_xml(`<iq><query xmlns='http://jabber.org/protocol/disco#info' node='n#v'/></iq>`), neither);
    expect([answer.getAttribute('node'), children(answer, 'feature').length]).toEqual(['n#v', neither.length]);
  });
  it('hashes as XEP-0115 does, whatever the order', async () => {
    const a = await caps(['b', 'a']);
    expect(a!.getAttribute('ver')).toBe((await caps(['a', 'b']))!.getAttribute('ver'));
    expect(a!.getAttribute('ver')).toMatch(/^[A-Za-z0-9+/]{27}=$/);
  });
});

describe('errors', () => {
  it('have a condition, a type and a text', () => {
    const e = stanza_error(parse_xml(`<iq type='error'><error type='auth'><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>no</text></error></iq>`));
    expect([e.condition, e.type, e.message]).toEqual(['not-authorized', 'auth', 'no']);
    expect(stanza_error(null).condition).toBe('timeout');
  });
});

describe('the conference request', () => {
  const ask = (iq: (...a: unknown[]) => Promise<Element>) => ({ stream: { iq } as unknown as Stream, focus: 'focus.x', room: 'r@c', machine: 'm' });
  const answer = (ready: boolean) => parse_xml(`<iq><conference xmlns='http://jitsi.org/protocol/focus' ready='${ready}' focusjid='focus@focus.x'/></iq>`);

  it('waits until the focus is in the room, and through its restarts', async () => {
    vi.useFakeTimers();
    const iq = vi.fn().mockRejectedValueOnce(new StanzaError('service-unavailable', 'wait')).mockResolvedValueOnce(answer(false)).mockResolvedValue(answer(true));
    const done = request_conference(ask(iq), () => true);
    await vi.advanceTimersByTimeAsync(1000);
    await vi.advanceTimersByTimeAsync(2000);
    expect(await done).toEqual({ ready: true, focus_jid: 'focus@focus.x' });
    expect(iq).toHaveBeenCalledTimes(3);
    vi.useRealTimers();
  });
  it('ends where a login is wanted', () =>
    expect(request_conference(ask(() => Promise.reject(new StanzaError('not-authorized', 'auth'))), () => true)).rejects.toMatchObject({ condition: 'not-authorized' }));
  it('goes by HTTP where the deployment says so', async () => {
    const fetched = vi.fn().mockResolvedValue({ ok: true, status: 200, json: async () => ({ ready: true, focusJid: 'focus@x' }) });
    vi.stubGlobal('fetch', fetched);
    expect(await request_conference({ ...ask(() => Promise.reject()), url: '/conference-request/v1' }, () => true)).toEqual({ ready: true, focus_jid: 'focus@x' });
    expect(JSON.parse(fetched.mock.calls[0][1].body)).toMatchObject({ room: 'r@c', machineUid: 'm' });
    vi.unstubAllGlobals();
  });
});

it('an endpoint id is eight hexadecimal digits', () => expect(make_endpoint_id()).toMatch(/^[0-9a-f]{8}$/));
it('what is built escapes what people type', () => expect(Strophe.serialize(el('a', { b: `'<&` }, '<&>'))).toBe(`<a b="&apos;&lt;&amp;">&lt;&amp;&gt;</a>`));
