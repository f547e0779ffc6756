// Opening camera and microphone, and why it did not work.
import { WANTED_VIDEO } from "../devices.js";

export { WANTED_VIDEO };

// The voice is judged as it comes from the microphone, so nothing may clean it; a quiet one may be turned up.
const SOUND = { echoCancellation: false, noiseSuppression: false, autoGainControl: true };

/** `why`: a key of the words under camera.trouble. */
export class CameraTrouble extends Error {
  constructor(why) {
    super(why);
    this.why = why;
  }
}

/** A stream of camera and, where asked for, microphone. Throws CameraTrouble. @param {{sound: boolean, device?: string}} wish */
export async function openCamera({ sound, device = "" }) {
  if (!window.isSecureContext) throw new CameraTrouble("insecure");
  if (!navigator.mediaDevices?.getUserMedia || !window.RTCPeerConnection) throw new CameraTrouble("old");
  const video = { ...WANTED_VIDEO, ...(device ? { deviceId: { exact: device } } : { facingMode: "user" }) };
  try {
    return await navigator.mediaDevices.getUserMedia({ video, audio: sound && SOUND });
  } catch (error) {
    throw new CameraTrouble(await reason(error.name, sound));
  }
}

/** Every camera there is, once the person has allowed one: [{deviceId, label}]. */
export async function cameras() {
  const all = await navigator.mediaDevices.enumerateDevices().catch(() => []);
  return all.filter((device) => device.kind === "videoinput" && device.deviceId);
}

async function reason(name, sound) {
  if (name === "NotAllowedError" && sound) return "NotAllowedSound";
  if (name === "NotFoundError" && sound) {
    const all = await navigator.mediaDevices.enumerateDevices().catch(() => []);
    return all.some((device) => device.kind === "videoinput") ? "NoMicrophone" : name;
  }
  return ["NotAllowedError", "NotFoundError", "NotReadableError", "OverconstrainedError", "AbortError"].includes(name) ? name : "other";
}
