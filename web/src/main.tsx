import { createRoot } from 'react-dom/client';
import { Conference } from './conference';
import { apply_branding, load_branding, read_deployment, room_of } from './config';
import { App } from './ui/App';
import './ui/style.css';

declare global {
  interface Window { tacoma?: Conference }
}

async function start(): Promise<void> {
  const branding = await load_branding();
  apply_branding(branding);
  const conference = new Conference(read_deployment(window.config, window.location));
  window.tacoma = conference; // for engineers at the console, and for tests
  createRoot(document.getElementById('root')!).render(<App conference={conference} branding={branding} room={room_of(window.location)} />);
}

void start();
