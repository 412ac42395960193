import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BridgeChannel, type ChannelState } from '../src/bridge/channel';
import { constraints_for, wanted_height } from '../src/bridge/constraints';
import { parse_message, to_bridge, type FromBridge } from '../src/bridge/messages';

describe('messages of the bridge', () => {
  it('are read by type', () => {
    expect(parse_message('{"colibriClass":"DominantSpeakerEndpointChangeEvent","dominantSpeakerEndpoint":"a","previousSpeakers":["b",4],"silence":false}'))
      .toEqual({ kind: 'dominant', endpoint: 'a', previous: ['b'], silence: false });
    expect(parse_message('{"colibriClass":"EndpointConnectivityStatusChangeEvent","endpoint":"a","active":"false"}')).toEqual({ kind: 'connectivity', endpoint: 'a', active: false });
    expect(parse_message('{"colibriClass":"ForwardedSources","forwardedSources":["a-v0"]}')).toEqual({ kind: 'forwarded', sources: ['a-v0'] });
    expect(parse_message('{"colibriClass":"SenderSourceConstraints","sourceName":"a-v0","maxHeight":0}')).toEqual({ kind: 'send_at_most', source: 'a-v0', height: 0 });
    expect(parse_message('{"colibriClass":"ConnectionStats","estimatedDownlinkBandwidth":5}')).toEqual({ kind: 'bandwidth', bps: 5 });
  });
  it('map SSRCs of its own to sources; what cannot be is left out', () => {
    const map = (kind: string, ...mappedSources: unknown[]) => parse_message(JSON.stringify({ colibriClass: `${kind}SourcesMap`, mappedSources }));
    expect(map('Video', { source: 'a-v0', owner: 'a', ssrc: 5, rtx: 6, videoType: 'camera' }, { source: 'b-v1', owner: 'b', ssrc: 7, rtx: -1, videoType: 'desktop' })).toEqual({
      kind: 'mapped', sources: [
        { owner: 'a', name: 'a-v0', kind: 'video', video_type: 'camera', ssrcs: [{ ssrc: 5 }, { ssrc: 6 }], groups: [{ semantics: 'FID', ssrcs: [5, 6] }] },
        { owner: 'b', name: 'b-v1', kind: 'video', video_type: 'desktop', ssrcs: [{ ssrc: 7 }], groups: [] },
      ],
    });
    expect(map('Audio', { source: 'a-a0', owner: 'a', ssrc: 4294967295 })).toEqual({
      kind: 'mapped', sources: [{ owner: 'a', name: 'a-a0', kind: 'audio', ssrcs: [{ ssrc: 4294967295 }], groups: [] }] });
    expect(map('Audio', null, 7, { source: 'a-a0', owner: 'a', ssrc: 0 }, { source: 'a-a0', owner: 'a', ssrc: 4294967296 }, { owner: 'a', ssrc: 1 }, { source: 'x', ssrc: 1 }))
      .toEqual({ kind: 'mapped', sources: [] });
    expect(parse_message('{"colibriClass":"AudioSourcesMap","mappedSources":7}')).toEqual({ kind: 'mapped', sources: [] });
  });
  it.each(['', 'null', '[]', '7', '{"colibriClass":"SomethingNew"}', '{"colibriClass":"SenderSourceConstraints","maxHeight":"x"}'])('%s is passed over', (text) =>
    expect(parse_message(text)).toBeUndefined());
});

describe('constraints', () => {
  it('ask for what is on screen, the stage first, and nothing else', () => {
    const c = constraints_for([{ source: 'b-v0', height: 190, stage: false }, { source: 'a-v0', height: 900, stage: true }]);
    expect(c).toMatchObject({ lastN: -1, onStageSources: ['a-v0'], defaultConstraints: { maxHeight: 0 } });
    expect(c.constraints).toMatchObject({ 'b-v0': { maxHeight: 180 }, 'a-v0': { maxHeight: 1080 } });
    expect(to_bridge.constraints(c).colibriClass).toBe('ReceiverVideoConstraints');
  });
  it('go up in the usual steps', () => expect([0, 100, 217, 400, 5000].map(wanted_height)).toEqual([0, 180, 360, 360, 2160]));
});

class FakeSocket {
  static made: FakeSocket[] = [];
  sent: string[] = [];
  onopen?: () => void;
  onclose?: () => void;
  onmessage?: (e: { data: string }) => void;
  constructor(readonly url: string) { FakeSocket.made.push(this); }
  send(text: string) { this.sent.push(text); }
  close() { this.onclose?.(); }
}

describe('the channel', () => {
  beforeEach(() => {
    FakeSocket.made = [];
    vi.useFakeTimers();
    vi.stubGlobal('WebSocket', FakeSocket);
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it('comes back after 1, 2, 4 ... 10 seconds, and says when it is open', () => {
    const states: ChannelState[] = [];
    const heard: FromBridge[] = [];
    const channel = new BridgeChannel({ state: (s) => states.push(s), message: (m) => heard.push(m) });
    channel.open_socket('wss://x');
    expect(channel.send({})).toBe(false);
    FakeSocket.made[0].onopen!();
    expect(channel.send({ a: 1 })).toBe(true);
    FakeSocket.made[0].onmessage!({ data: '{"colibriClass":"ServerHello"}' });
    expect(heard).toEqual([{ kind: 'hello', version: undefined }]);
    channel.cut();
    for (const wait of [1000, 2000, 4000, 8000, 10000, 10000]) {
      const before = FakeSocket.made.length;
      vi.advanceTimersByTime(wait - 1);
      expect(FakeSocket.made).toHaveLength(before);
      vi.advanceTimersByTime(1);
      expect(FakeSocket.made).toHaveLength(before + 1);
      FakeSocket.made.at(-1)!.onclose!();
    }
    vi.advanceTimersByTime(10000);
    FakeSocket.made.at(-1)!.onopen!();
    expect(states.at(-1)).toBe('open');
    channel.close();
    vi.advanceTimersByTime(60000);
    expect(states.at(-1)).toBe('none');
    expect(FakeSocket.made).toHaveLength(8);
  });

  it('over a data channel comes back as another one of the session, until that is over', () => {
    const states: ChannelState[] = [];
    const made: FakeSocket[] = [];
    const make = () => (made.push(new FakeSocket('')), made.at(-1) as unknown as RTCDataChannel);
    const channel = new BridgeChannel({ state: (s) => states.push(s), message: () => undefined });
    channel.use_data_channel(make(), () => (made.length < 2 ? make() : undefined));
    made[0].onopen!();
    expect(channel.send({ a: 1 })).toBe(true);
    made[0].onclose!();
    vi.advanceTimersByTime(1000);
    expect(made).toHaveLength(2);
    made[1].onopen!();
    made[1].onclose!();
    vi.advanceTimersByTime(60000);
    expect(states).toEqual(['connecting', 'open', 'lost', 'connecting', 'open', 'lost']);
    expect(made).toHaveLength(2);
  });
});
