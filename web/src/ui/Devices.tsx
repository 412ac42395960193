// Which microphone, camera and speaker: the same choice before and in a meeting.
import { useEffect, useState } from 'react';
import { list_devices, type Chosen, type Devices } from '../media/devices';
import { Dialog } from './Dialog';
import { useConference, useRoom } from './hooks';

/** The devices there are, as they come and go. Names are known once one was allowed: `again` asks anew. */
export function useDevices(again: unknown): Devices {
  const [devices, set_devices] = useState<Devices>({ microphones: [], cameras: [], speakers: [] });
  useEffect(() => {
    const read = () => void list_devices().then(set_devices);
    read();
    navigator.mediaDevices?.addEventListener('devicechange', read);
    return () => navigator.mediaDevices?.removeEventListener('devicechange', read);
  }, [again]);
  return devices;
}

interface SelectProps { label: string; devices: MediaDeviceInfo[]; value?: string; on_change(id: string | undefined): void }

function Select({ label, devices, value, on_change }: SelectProps) {
  return (
    <label>{label}
      <select value={value ?? ''} onChange={(e) => on_change(e.target.value || undefined)}>
        <option value="">Default</option>
        {devices.filter((d) => d.deviceId !== 'default').map((d, at) => <option key={d.deviceId} value={d.deviceId}>{d.label || `${label} ${at + 1}`}</option>)}
      </select>
    </label>
  );
}

const can_choose_speaker = 'setSinkId' in HTMLMediaElement.prototype;

export function DeviceChoice({ devices, chosen, on_choose }: { devices: Devices; chosen: Chosen; on_choose(chosen: Chosen): void }) {
  return (
    <div className="pair">
      <Select label="Microphone" devices={devices.microphones} value={chosen.microphone} on_change={(microphone) => on_choose({ ...chosen, microphone })} />
      <Select label="Camera" devices={devices.cameras} value={chosen.camera} on_change={(camera) => on_choose({ ...chosen, camera })} />
      {can_choose_speaker && devices.speakers.length > 0 &&
        <Select label="Speaker" devices={devices.speakers} value={chosen.speaker} on_change={(speaker) => on_choose({ ...chosen, speaker })} />}
    </div>
  );
}

export function DevicesDialog({ on_close }: { on_close(): void }) {
  const conference = useConference();
  const { chosen, own_camera, own_microphone } = useRoom();
  const devices = useDevices(own_camera ?? own_microphone);
  return (
    <Dialog title="Devices" on_close={on_close}>
      <form method="dialog" onSubmit={(e) => { e.preventDefault(); on_close(); }}>
        <DeviceChoice devices={devices} chosen={chosen} on_choose={(c) => void conference.choose_devices(c)} />
        <div className="dialog-bar"><button type="submit" className="primary">Done</button></div>
      </form>
    </Dialog>
  );
}
