import { beforeEach, describe, expect, it } from 'vitest';
import { Store, initial_state, type Member } from '../src/state';
import { pictures_of, staged_of } from '../src/ui/pictures';
import { Room } from '../src/xmpp/room';

const parse = (text: string) => new DOMParser().parseFromString(text, 'text/xml').documentElement;
const muc_user = 'http://jabber.org/protocol/muc#user';
const presence = (nick: string, inner = '', attributes = '') =>
  parse(`<presence xmlns="jabber:client" from="r@muc.x/${nick}" ${attributes}><nick xmlns="http://jabber.org/protocol/nick">${nick.toUpperCase()}</nick>${inner}</presence>`);
const own_status = `<x xmlns="${muc_user}"><item role="participant"/><status code="110"/></x>`;

describe('a room', () => {
  let store: Store, room: Room, events: string[];
  const said = () => store.state.announcements.map((a) => a.text);
  beforeEach(() => {
    store = new Store();
    events = [];
    store.set({ phase: 'joining', room: 'r' });
    room = new Room('r@muc.x', 'Ada', [], store, {
      entered: (alone) => events.push(alone ? 'alone' : 'entered'), removed: (why) => events.push(`removed: ${why}`), lost: (why) => events.push(`lost: ${why}`),
      left: (id) => events.push(`left: ${id}`), focus_gone: () => events.push('focus gone'), sources: () => ({}),
    });
  });
  const enter = () => room.on_presence(presence('me', own_status));

  it('shows who was there before us, and says it once', () => {
    room.on_presence(presence('bob'));
    room.on_presence(presence('bob'));
    expect(store.state.members).toEqual([]);
    enter();
    expect(store.state.members.map((m) => m.name)).toEqual(['BOB']);
    expect(said()).toEqual(['You are in the room r, with BOB.']);
    expect(events).toEqual(['entered']);
  });

  it('says who comes, mutes, shares and goes', () => {
    enter();
    const info = (muted: boolean, screen = '') => `<SourceInfo>{"bob-a0":{"muted":${muted}}${screen}}</SourceInfo>`;
    room.on_presence(presence('bob', info(false)));
    room.on_presence(presence('bob', info(false)));
    room.on_presence(presence('bob', info(true)));
    room.on_presence(presence('bob', info(true, ',"bob-v1":{"muted":false,"videoType":"desktop"}')));
    room.on_presence(presence('bob', '', 'type="unavailable"'));
    expect(said()).toEqual(['You are in the room r, alone.', 'BOB joined.', 'BOB is muted.', 'BOB shares a screen.', 'BOB left.']);
    expect(events).toEqual(['alone', 'left: bob']);
    expect(store.state.announcements.map((a) => a.kind)).toEqual(['quiet', 'shown', 'quiet', 'quiet', 'shown']);
  });

  it('tells being removed from being lost', () => {
    enter();
    room.on_presence(presence('bob'));
    room.on_presence(presence('me', `<x xmlns="${muc_user}"><item><actor nick="bob"/></item><status code="110"/><status code="307"/></x>`, 'type="unavailable"'));
    room.on_presence(presence('me', own_status, 'type="unavailable"'));
    expect(events).toEqual(['alone', 'removed: BOB removed you from the room.', 'lost: the room let us go']);
  });

  it('counts what is said, not what was said before', () => {
    enter();
    const message = (id: string, nick: string, body: string, inner = '') =>
      parse(`<message xmlns="jabber:client" type="groupchat" id="${id}" from="r@muc.x/${nick}"><body>${body}</body>${inner}</message>`);
    const gone = '<nick xmlns="http://jabber.org/protocol/nick">Cleo</nick><delay xmlns="urn:xmpp:delay" stamp="2020-01-01T00:00:00Z"/>';
    room.on_message(message('1', 'cleo', 'earlier', gone));
    room.on_message(message('1', 'cleo', 'earlier', gone));
    room.on_presence(presence('bob'));
    room.on_message(message('2', 'bob', 'now'));
    expect(store.state.chat.map((c) => [c.name, c.text, c.late])).toEqual([['Cleo', 'earlier', true], ['BOB', 'now', false]]);
    expect(store.state.chat_heard).toBe(1);
    expect(said()).toContain('BOB says: now');
    for (let i = 0; i < 600; ++i) room.on_message(message(`m${i}`, 'bob', 'x'));
    expect(store.state.chat).toHaveLength(500);
    expect(store.state.chat_heard).toBe(601);
    expect(store.state.announcements).toHaveLength(6);
  });
});

describe('the pictures', () => {
  const track = {} as MediaStreamTrack;
  const member = (id: string, sources: Member['sources']): Member => ({ id, name: id, moderator: false, sources, active: true, encrypted: false });
  const state = {
    ...initial_state, me: { ...initial_state.me, id: 'me', sharing: false },
    members: [member('bob', { 'bob-v0': { muted: true } }), member('cleo', { 'cleo-v0': { muted: false }, 'cleo-v1': { muted: false, video_type: 'desktop' as const } })],
    tracks: Object.fromEntries(['bob-v0', 'cleo-v0', 'cleo-v1'].map((n) => [n, { track, source: {} as never }])),
  };
  it('are everybody’s face or picture, the screens, and we ourselves last', () =>
    expect(pictures_of(state).map((p) => [p.key, p.screen, !!p.track])).toEqual([
      ['bob-v0', false, false], ['cleo-v0', false, true], ['cleo-v1', true, true], ['me-v0', false, false]]));
  it('are asked for before their tracks are there: the bridge says whose they are when it sends them', () =>
    expect(pictures_of({ ...state, tracks: {} }).map((p) => [p.key, p.sends, !!p.track])).toEqual([
      ['bob-v0', false, false], ['cleo-v0', true, false], ['cleo-v1', true, false], ['me-v0', true, false]]));
  it('go on stage: the pinned, else a screen, else who speaks', () => {
    const all = pictures_of(state);
    const faces = all.filter((p) => !p.screen);
    expect(staged_of(all, 'bob-v0', false, 'cleo')?.key).toBe('bob-v0');
    expect(staged_of(all, undefined, false, 'bob')?.key).toBe('cleo-v1');
    expect(staged_of(faces, undefined, true, 'cleo')?.key).toBe('cleo-v0');
    expect(staged_of(faces, undefined, false, 'cleo')).toBeUndefined();
  });
});
