// Where the deployment is and how it looks: /config.js (as any Jitsi Meet web build has it) and /branding.json.
import type { Sending } from './jingle/layers';

interface JitsiConfig {
  hosts?: { domain?: string; muc?: string; focus?: string; anonymousdomain?: string };
  websocket?: string;
  conferenceRequestUrl?: string;
  bridgeChannel?: { preferSctp?: boolean };
  p2p?: { enabled?: boolean };
  resolution?: number;
  disableSimulcast?: boolean;
  enableOpusRed?: boolean;
  flags?: { ssrcRewritingEnabled?: boolean };
  videoQuality?: { codecPreferenceOrder?: string[] };
}
declare global {
  interface Window { config?: JitsiConfig }
}

export interface Deployment {
  domain: string;
  login_domain: string;
  muc: string;
  focus: string;
  websocket: string;
  conference_request_url?: string;
  prefer_sctp: boolean;
  rewriting: boolean;
  red: boolean;
  height: number;
  sending: Sending;
}

export function read_deployment(config: JitsiConfig | undefined, location: { protocol: string; host: string; hostname: string; hash?: string }): Deployment {
  const domain = config?.hosts?.domain ?? location.hostname;
  const ws = `${location.protocol === 'http:' ? 'ws' : 'wss'}://${location.host}/xmpp-websocket`;
  const asked = new URLSearchParams(location.hash?.replace(/^#/, ''));
  const wanted = (asked.get('codec') ?? config?.videoQuality?.codecPreferenceOrder?.[0] ?? '').toUpperCase();
  const known = ['AV1', 'VP8', 'H264', 'VP9'] as const;
  return {
    domain,
    login_domain: config?.hosts?.anonymousdomain ?? domain,
    muc: config?.hosts?.muc ?? `conference.${domain}`,
    focus: config?.hosts?.focus ?? `focus.${domain}`,
    websocket: config?.websocket ?? ws,
    conference_request_url: config?.conferenceRequestUrl,
    prefer_sctp: config?.bridgeChannel?.preferSctp !== false,
    // An address may say otherwise, to compare: #codec=AV1&height=360&layers=0&rewriting=0&red=1
    rewriting: asked.has('rewriting') ? asked.get('rewriting') !== '0' : config?.flags?.ssrcRewritingEnabled !== false,
    red: asked.has('red') ? asked.get('red') !== '0' : config?.enableOpusRed === true,
    height: Number(asked.get('height')) || (config?.resolution ?? 720),
    sending: { codec: known.find((c) => c === wanted) ?? 'VP8', layers: asked.has('layers') ? asked.get('layers') !== '0' : config?.disableSimulcast !== true },
  };
}

export interface Palette { accent: string; onAccent: string }
export interface Branding { name: string; tagline: string; logo: string; colors: { light: Palette; dark: Palette } }

const plain: Branding = {
  name: 'Tacoma',
  tagline: '',
  logo: '/logo.svg',
  colors: { light: { accent: '#2f5d50', onAccent: '#ffffff' }, dark: { accent: '#8fc7b3', onAccent: '#10201b' } },
};

export async function load_branding(): Promise<Branding> {
  try {
    const given = (await (await fetch('/branding.json')).json()) as Partial<Branding>;
    return { ...plain, ...given, colors: { light: { ...plain.colors.light, ...given.colors?.light }, dark: { ...plain.colors.dark, ...given.colors?.dark } } };
  } catch {
    return plain; // a room without paint is better than none
  }
}

export function apply_branding(branding: Branding): void {
  document.title = branding.name;
  const { light, dark } = branding.colors;
  const style = document.createElement('style');
  const vars = (p: Palette) => `--accent:${CSS.supports('color', p.accent) ? p.accent : '#2f5d50'};--on-accent:${CSS.supports('color', p.onAccent) ? p.onAccent : '#fff'};`;
  style.textContent = `:root{${vars(light)}}@media (prefers-color-scheme: dark){:root:not([data-theme=light]){${vars(dark)}}}:root[data-theme=dark]{${vars(dark)}}`;
  document.head.append(style);
  document.querySelector('link[rel=icon]')?.setAttribute('href', branding.logo);
}

/** The room of an address: the last part of the path, or ?room=. Lower case, as all Jitsi clients write it. */
export function room_of(location: { pathname: string; search: string }): string {
  const name = new URLSearchParams(location.search).get('room') ?? decodeURIComponent(location.pathname.split('/').filter(Boolean).pop() ?? '');
  return clean_room(name === 'index.html' ? '' : name);
}

export function clean_room(name: string): string {
  return name.trim().toLowerCase().replace(/[\s"&'/:<>@?#]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 100);
}
