// One line over the room: what is the matter, or what to do.
import type { RoomState } from '../state';
import { useConference } from './hooks';
import { Icon } from './icons';

function what_is_wrong({ phase, offline, media, bridge_missing }: RoomState): string | undefined {
  if (offline) return 'This device has no network. The room comes back with it.';
  if (phase === 'reconnecting') return 'The connection is lost. Trying to come back …';
  if (media === 'interrupted' || media === 'failed') return 'Sound and picture are interrupted. Trying to bring them back …';
  if (bridge_missing) return 'No bridge is there at the moment. Sound and picture begin as soon as one comes.';
  return undefined;
}

export function Banner({ state }: { state: RoomState }) {
  const conference = useConference();
  const wrong = what_is_wrong(state);
  const alone = state.members.length === 0;
  const text = wrong ?? (state.notice ? state.notice
    : alone ? 'Nobody else is here yet. Send them the address of this page.'
    : state.media !== 'connected' ? 'Connecting sound and picture …' : '');
  if (!text) return null;
  return (
    <section className={`banner${wrong ? ' bad' : ''}`} aria-label="What is going on" data-state={state.phase === 'reconnecting' ? 'reconnecting' : state.media}>
      {(wrong || (!alone && text !== state.notice)) && <span className="spinner" aria-hidden="true" />}
      <span>{text}</span>
      {state.phase === 'reconnecting' && <button type="button" className="small" onClick={() => conference.reconnect_now()}>Try now</button>}
      {!wrong && !state.notice && alone && <CopyAddress />}
      {text === state.notice && <button type="button" className="plain" aria-label="Dismiss" onClick={() => conference.dismiss()}><Icon name="close" size={16} /></button>}
    </section>
  );
}

function CopyAddress() {
  const { store } = useConference();
  const copy = () => void navigator.clipboard.writeText(location.href).then(
    () => store.announce('The address is copied.', 'shown'), () => store.announce(`The browser does not let this page copy. The address is ${location.href}`, 'shown'));
  return navigator.clipboard ? <button type="button" className="small" onClick={copy}>Copy address</button> : null;
}
