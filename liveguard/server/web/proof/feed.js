// Sends the picture, and the sound if there is one, to whoever checks.
import { Emitter } from "../emitter.js";
import { degrade, gathered, preferCodecs, quickStart, wishFor } from "../peer.js";

const CONNECT_MS = 15_000;
const BROKEN_AFTER_MS = 4_000;
const SIDE_PX = 480; // of the shorter side: more pixels would cost a slow link its pictures, and are not needed

/** The server was reached, but no media gets through. */
export class Blocked extends Error {}

/** Emits "lost" when a connection that stood has failed. */
export class Feed extends Emitter {
  #pc;
  #timer = 0;

  /** @param {MediaStream} stream @param {object[]} iceServers */
  constructor(stream, iceServers) {
    super();
    this.stream = stream;
    this.#pc = new RTCPeerConnection({ iceServers });
  }

  /** Resolves when media flows. Throws ApiError, or Blocked. @param {(sdp: string) => Promise<{sdp: string}>} ask */
  async connect(ask) {
    const pc = this.#pc;
    const [video] = this.stream.getVideoTracks();
    const [audio] = this.stream.getAudioTracks();
    const options = { direction: "sendonly", streams: [this.stream] };
    const { width = 0, height = 0 } = video.getSettings();
    const scaleResolutionDownBy = Math.max(Math.min(width, height) / SIDE_PX, 1);
    const encoding = { maxBitrate: wishFor("proof").maxBitrate, maxFramerate: 30, scaleResolutionDownBy };
    const sending = pc.addTransceiver(video, { ...options, sendEncodings: [encoding] });
    preferCodecs(sending);
    if (audio) pc.addTransceiver(audio, options);
    await pc.setLocalDescription();
    await gathered(pc);
    const { sdp } = await ask(pc.localDescription.sdp);
    const connected = this.#connected();
    await pc.setRemoteDescription({ type: "answer", sdp: quickStart(sdp) });
    await connected;
    degrade(sending.sender, "proof");
  }

  close() {
    clearTimeout(this.#timer);
    this.#pc.close();
  }

  #connected() {
    const pc = this.#pc;
    return new Promise((resolve, reject) => {
      this.#timer = setTimeout(() => reject(new Blocked()), CONNECT_MS);
      pc.addEventListener("connectionstatechange", () => {
        clearTimeout(this.#timer);
        if (pc.connectionState === "connected") resolve();
        else if (pc.connectionState === "failed") (reject(new Blocked()), this.emit("lost"));
        else if (pc.connectionState === "disconnected") this.#timer = setTimeout(() => this.emit("lost"), BROKEN_AFTER_MS);
        else if (pc.connectionState === "connecting") this.#timer = setTimeout(() => reject(new Blocked()), CONNECT_MS);
      });
    });
  }
}
