// What went wrong, in words, and what to do about it.
import { ApiError } from "./api.js";

const DEVICE = {
  NotAllowedError: [
    "The browser was not allowed to use the camera or the microphone.",
    "Allow both for this page (the sign left of the address) and start again. On a Mac, the system's privacy settings must allow the browser too.",
  ],
  NotFoundError: ["No camera was found.", "Plug one in, or open the lid, and start again."],
  NotReadableError: [
    "The camera or the microphone is in use by another program, or does not answer.",
    "Close other programs that use it (calls, recorders), or choose another device, and start again.",
  ],
  OverconstrainedError: ["The chosen camera or microphone is no longer there.", "Choose another device and start again."],
  AbortError: ["The camera could not be started.", "Unplug it and plug it in again, or choose another one."],
};

const SHARING = {
  NotAllowedError: ["Nothing was shared.", "Press the button again and choose the tab or window of the meeting."],
  NotReadableError: [
    "The system does not let the browser see that window.",
    "Choose another window or a tab. On a Mac, allow the browser to record the screen in the privacy settings.",
  ],
};

const ANSWER = {
  0: ["The guard does not answer.", "See whether `liveguard serve` is still running on the machine, then start again."],
  401: ["The guard asks for a token.", "Open the link that `liveguard serve` printed when it started."],
  403: ["The guard refuses this page.", "Open the page at the address that `liveguard serve` printed."],
  406: ["The guard cannot decode what this browser sends.", "Use a current Chrome, Edge, Firefox or Safari, which send VP8 or H.264."],
  429: ["The guard is asked too often.", "Wait a minute and start again."],
  503: ["The guard cannot take this on now.", "Start again in a moment. Where it is full, end another session (see Sessions), or restart it with room for more."],
};

/** @returns {{what: string, todo: string}} */
export function trouble(error, source = "camera") {
  if (error instanceof Trouble) return error;
  if (error instanceof ApiError) {
    const [what, todo] = ANSWER[error.status] ?? ["The guard refused.", "Reload the page and start again."];
    return { what: error.status ? `${what} It said: ${error.message}.` : what, todo };
  }
  const table = source === "screen" ? SHARING : DEVICE;
  const known = table[error?.name];
  if (known) return { what: known[0], todo: known[1] };
  return { what: `Something unexpected went wrong: ${error?.message || error}`, todo: "Reload the page and start again." };
}

/** An error that already says what to do. */
export class Trouble extends Error {
  constructor(what, todo) {
    super(what);
    this.what = what;
    this.todo = todo;
  }
}

/** Throws where the browser keeps cameras and screens from this page. */
export function requireCapture(kind) {
  if (!window.isSecureContext)
    throw new Trouble(
      "The browser gives no camera, microphone or screen to this address.",
      "Open the page by https, or on the guard's own machine as http://localhost.",
    );
  if (!navigator.mediaDevices?.[kind])
    throw new Trouble(
      kind === "getDisplayMedia" ? "This browser cannot share a tab or window." : "This browser has no access to cameras.",
      kind === "getDisplayMedia" ? "Use Chrome, Edge or Firefox on a computer; phones cannot do it." : "Use a current browser.",
    );
  if (!window.RTCPeerConnection) throw new Trouble("This browser has no WebRTC.", "Use a current browser, or switch WebRTC on.");
}
