// Which cameras and microphones there are, and opening them.
import { h } from "./dom.js";

export const WANTED_VIDEO = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
// The sound is judged as it comes from the microphone, so nothing may cancel or clean it; a quiet one may be turned up.
const WANTED_AUDIO = { echoCancellation: false, noiseSuppression: false, autoGainControl: true };

/** A labelled choice of devices of one kind ("videoinput" or "audioinput"). */
export function deviceChoice(kind, label, onChange) {
  const id = kind === "videoinput" ? "camera-choice" : "microphone-choice";
  const select = h("select", { id, "data-testid": id, onchange: () => onChange() });
  const fill = async () => {
    const all = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
    const chosen = select.value;
    const known = all.filter((device) => device.kind === kind && device.deviceId);
    const options = known.map((device, k) => h("option", { value: device.deviceId }, device.label || `${label} ${k + 1}`));
    select.replaceChildren(h("option", { value: "" }, `Default ${label.toLowerCase()}`), ...options);
    if (known.some((device) => device.deviceId === chosen)) select.value = chosen;
  };
  navigator.mediaDevices?.addEventListener("devicechange", fill);
  fill();
  return { element: h("label", { class: "field", for: id }, h("span", {}, label), select), select, fill };
}

/** A stream of camera and microphone; without sound where there is no microphone. Throws what getUserMedia throws. */
export async function openWebcam(cameraId, microphoneId) {
  const video = { ...WANTED_VIDEO, ...(cameraId && { deviceId: { exact: cameraId } }) };
  const audio = { ...WANTED_AUDIO, ...(microphoneId && { deviceId: { exact: microphoneId } }) };
  try {
    return await navigator.mediaDevices.getUserMedia({ video, audio });
  } catch (error) {
    if (error.name !== "NotFoundError") throw error;
    return navigator.mediaDevices.getUserMedia({ video }); // it does not say which of the two is missing
  }
}
