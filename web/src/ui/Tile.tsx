import { useEffect, useRef } from 'react';
import type { RoomState } from '../state';
import { useConference } from './hooks';
import { Icon } from './icons';
import { hue_of, initials } from './layout';
import type { Picture } from './pictures';

const quality_words = ['bad', 'poor', 'fair', 'good'] as const;

interface TileProps { picture: Picture; sealed?: string; style?: React.CSSProperties; dominant: boolean; speaking: boolean; pinned: boolean; on_pin(): void; me: RoomState['me'] }

export function Tile({ picture, sealed, style, dominant, speaking, pinned, on_pin, me }: TileProps) {
  const { member, own, screen, name } = picture;
  const muted = own ? me.audio_muted : member?.sources[`${picture.owner}-a0`]?.muted ?? true;
  const quality = own ? me.quality : member?.quality;
  const away = member && !member.active;
  const label = [
    own && !screen ? `${name}, you` : name, muted && !screen ? 'muted' : '', dominant ? 'speaking' : '', away ? 'connection lost' : '', sealed ?? '',
    quality !== undefined && quality < 2 ? `${quality_words[quality]} connection` : '',
  ].filter(Boolean).join(', ');
  return (
    <article className={`tile${dominant || speaking ? ' speaking' : ''}${away ? ' away' : ''}${screen ? ' screen' : ''}`} style={style} aria-label={label}
      data-source={picture.key} data-owner={picture.owner} data-own={own}>
      {picture.track
        ? <Video track={picture.track} own={own} screen={screen} name={name} />
        : <div className="face" aria-hidden="true" style={{ '--hue': hue_of(picture.owner) } as React.CSSProperties}><span>{initials(name)}</span></div>}
      {away ? <p className="tile-note">Connection lost</p> : sealed && <p className="tile-note">{sealed}</p>}
      <footer className="tile-bar">
        {!screen && muted && <Icon name="mic_off" size={15} />}
        <span className="tile-name">{name}{own && !screen && name !== 'You' ? ' (you)' : ''}</span>
        {member?.moderator || (own && me.moderator && !screen) ? <Icon name="star" size={13} /> : null}
        {quality !== undefined && !screen && (
          <span className="bars" data-quality={quality} title={`Connection: ${quality_words[quality]}`} aria-hidden="true"><i /><i /><i /></span>
        )}
      </footer>
      <button type="button" className={pinned ? 'pin pinned' : 'pin'} aria-label={`${pinned ? 'Unpin' : 'Pin'} ${name}`} title={pinned ? 'Unpin' : 'Pin to the stage'} onClick={on_pin}>
        <Icon name="pin" size={16} />
      </button>
    </article>
  );
}

function Video({ track, own, screen, name }: { track: MediaStreamTrack; own: boolean; screen: boolean; name: string }) {
  const conference = useConference();
  const ref = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const video = ref.current!;
    video.srcObject = new MediaStream([track]);
    void video.play().catch(() => undefined); // a browser that wants a gesture first has had one: the join
    if (own) return;
    const handle = video.requestVideoFrameCallback?.(() => conference.first_frame());
    return () => { if (handle !== undefined) video.cancelVideoFrameCallback(handle); };
  }, [track, own, conference]);
  return <video ref={ref} className={own && !screen ? 'mirror' : ''} autoPlay playsInline muted aria-label={`Picture of ${name}`} />;
}

export function Audio({ track, speaker }: { track: MediaStreamTrack; speaker?: string }) {
  const ref = useRef<HTMLAudioElement>(null);
  useEffect(() => {
    const audio = ref.current!;
    audio.srcObject = new MediaStream([track]);
    void audio.play().catch(() => undefined);
  }, [track]);
  useEffect(() => {
    if ('setSinkId' in HTMLMediaElement.prototype) void ref.current!.setSinkId(speaker ?? '').catch(() => undefined); // one that is gone: the usual
  }, [speaker]);
  return <audio ref={ref} autoPlay />;
}
