import { describe, expect, it } from 'vitest';
import { clean_room, read_deployment, room_of } from '../src/config';
import { quality_of, type Report } from '../src/media/stats';
import { best_grid, how_many_fit, hue_of, initials, pick } from '../src/ui/layout';
import { with_links } from '../src/ui/links';

describe('the deployment', () => {
  it('is read from config.js', () => {
    const d = read_deployment({ hosts: { domain: 'x', muc: 'muc.x' }, websocket: 'wss://x/xmpp-websocket' }, { protocol: 'https:', host: 'h:1', hostname: 'h' });
    expect(d).toMatchObject({ domain: 'x', login_domain: 'x', muc: 'muc.x', focus: 'focus.x', websocket: 'wss://x/xmpp-websocket', prefer_sctp: true, rewriting: true });
  });
  it('is guessed without it', () =>
    expect(read_deployment(undefined, { protocol: 'https:', host: 'meet.example:8443', hostname: 'meet.example' })).toMatchObject({
      domain: 'meet.example', muc: 'conference.meet.example', websocket: 'wss://meet.example:8443/xmpp-websocket' }));
});

describe('a room’s name', () => {
  it('comes from the path or the query, in lower case', () => {
    expect(room_of({ pathname: '/Stand%20Up', search: '' })).toBe('stand-up');
    expect(room_of({ pathname: '/index.html', search: '' })).toBe('');
    expect(room_of({ pathname: '/', search: '?room=A' })).toBe('a');
  });
  it('holds nothing that a JID cannot', () => expect(clean_room(' a@b/c "d" ')).toBe('a-b-c-d'));
});

describe('the layout', () => {
  it('makes pictures as large as can be', () => {
    expect(best_grid(1, 1600, 900, 12)).toMatchObject({ columns: 1, width: 1600, height: 900 });
    expect(best_grid(4, 1600, 900, 12)).toMatchObject({ columns: 2, rows: 2 });
    expect(best_grid(2, 390, 800, 12).columns).toBe(1);
    expect(best_grid(6, 900, 700, 10)).toMatchObject({ columns: 2, rows: 3 }); // not three tall ones that show half of each picture
    const nine = best_grid(9, 1200, 700, 12);
    expect(nine.columns * nine.width + 12 * (nine.columns - 1)).toBeLessThanOrEqual(1200);
    expect(nine.rows * nine.height + 12 * (nine.rows - 1)).toBeLessThanOrEqual(700);
  });
  it('shows no more than can be made out, and whoever speaks', () => {
    expect([how_many_fit(344, 650), how_many_fit(1256, 700), how_many_fit(100, 100)]).toEqual([14, 49, 4]);
    const people = Array.from({ length: 10 }, (_, i) => i);
    expect(pick(people, 10, () => 0)).toEqual(people);
    expect(pick(people, 5, () => 0)).toEqual([0, 1, 2, 3]);
    expect(pick(people, 5, (p) => Number(p === 8))).toEqual([0, 1, 2, 8]);
  });
  it('gives the same person the same colour, and letters', () => {
    expect(hue_of('ab12')).toBe(hue_of('ab12'));
    expect(['Ada Lovelace', 'ada', '', '🦊 fox'].map(initials)).toEqual(['AL', 'A', '?', '🦊F']);
  });
});

describe('what people write', () => {
  it('has its addresses made links, and nothing else', () => {
    expect(with_links('see https://a.test/x?y=1, or (http://b.test).')).toEqual([
      { text: 'see ' }, { text: 'https://a.test/x?y=1', href: 'https://a.test/x?y=1' }, { text: ', or (' }, { text: 'http://b.test', href: 'http://b.test' }, { text: ').' }]);
    expect(with_links('https://en.test/wiki/Narrows_(bridge)')[0].href).toBe('https://en.test/wiki/Narrows_(bridge)');
    for (const text of ['javascript:alert(1)', 'data:text/html,x', '<b>https</b>', 'https://', '']) expect(with_links(text).some((p) => p.href)).toBe(false);
  });
});

describe('quality', () => {
  const report = (rtt_ms: number, loss: number) => ({ at: 0, rows: [{ loss }], path: { rtt_ms } }) as unknown as Report;
  it('falls with loss and with delay', () =>
    expect([report(20, 0), report(250, 0), report(20, 0.1), report(900, 0)].map(quality_of)).toEqual([3, 2, 1, 0]));
});
