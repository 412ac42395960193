// Cameras, microphones, screens.

export interface Devices { microphones: MediaDeviceInfo[]; cameras: MediaDeviceInfo[]; speakers: MediaDeviceInfo[] }

/** Ids of the chosen devices; none means the browser's own choice. */
export interface Chosen { microphone?: string; camera?: string; speaker?: string }

export async function list_devices(): Promise<Devices> {
  const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  const of = (kind: MediaDeviceKind) => all.filter((d) => d.kind === kind && d.deviceId);
  return { microphones: of('audioinput'), cameras: of('videoinput'), speakers: of('audiooutput') };
}

function sentence(error: unknown, what: string): string {
  const name = (error as DOMException)?.name;
  if (name === 'NotAllowedError') return `The browser does not let this page use the ${what}. Allow it beside the address, then try again.`;
  if (name === 'NotFoundError' || name === 'OverconstrainedError') return `No ${what} was found.`;
  if (name === 'NotReadableError') return `The ${what} is in use by another program.`;
  return `The ${what} could not be opened: ${(error as Error)?.message ?? error}`;
}

/** Throws an Error whose message is for the person. */
export async function open_microphone(device?: string): Promise<MediaStreamTrack> {
  if (!navigator.mediaDevices) throw new Error('This page was not loaded securely, so the browser keeps microphone and camera closed.');
  try {
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: { deviceId: device ? { ideal: device } : undefined, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
    return stream.getAudioTracks()[0];
  } catch (error) {
    throw new Error(sentence(error, 'microphone'));
  }
}

export async function open_camera(device: string | undefined, height: number): Promise<MediaStreamTrack> {
  if (!navigator.mediaDevices) throw new Error('This page was not loaded securely, so the browser keeps microphone and camera closed.');
  try {
    const stream = await navigator.mediaDevices.getUserMedia({
      video: {
        deviceId: device ? { ideal: device } : undefined,
        height: { ideal: height }, width: { ideal: Math.round((height * 16) / 9) }, frameRate: { ideal: 30, max: 30 },
      },
    });
    const track = stream.getVideoTracks()[0];
    track.contentHint = 'motion';
    return track;
  } catch (error) {
    throw new Error(sentence(error, 'camera'));
  }
}

/** Undefined when the person closed the choice. */
export async function open_screen(): Promise<MediaStreamTrack | undefined> {
  try {
    const stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { ideal: 15, max: 30 } }, audio: false });
    const track = stream.getVideoTracks()[0];
    track.contentHint = 'detail';
    return track;
  } catch (error) {
    if ((error as DOMException)?.name === 'NotAllowedError') return undefined;
    throw new Error(sentence(error, 'screen'));
  }
}

/** Calls back about ten times a second with the loudness of a track, 0 to 1. Returns how to stop. */
export function meter(track: MediaStreamTrack, on_level: (level: number) => void): () => void {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, s) => sum + s * s, 0) / samples.length;
    // -60 dB is silence, -10 dB is loud speech.
    on_level(Math.min(1, Math.max(0, (10 * Math.log10(power + 1e-9) + 60) / 50)));
  }, 100);
  return () => {
    clearInterval(timer);
    void context.close();
  };
}
