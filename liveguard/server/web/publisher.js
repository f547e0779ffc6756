// Sends one picture and one sound to the guard by WebRTC, and keeps doing so: a connection that breaks is made anew
// with the same participant, so that the session goes on.
import * as api from "./api.js";
import { Emitter } from "./emitter.js";
import { Facts } from "./facts.js";
import { degrade, gathered, preferCodecs, quickStart, wishFor } from "./peer.js";
import { Trouble } from "./trouble.js";

const BROKEN_AFTER_MS = 3_000;
const CONNECT_WITHIN_MS = 15_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 15_000;
const TRIES_BEFORE_FIRST = 2; // of media that never came through: then the person is told
const FINAL = [400, 401, 403, 406, 413, 415, 422]; // asking again would be answered the same

/**
 * Emits "state" ({state, words}), "session" (id) after each answered offer, "failed" (an error), "refused" ({what, error})
 * for a fact that the guard does not take.
 * States: connecting, connected, retrying, stopped.
 */
export class Publisher extends Emitter {
  #pc = null;
  #run = 0; // attempts of the past know by it that they are
  #tries = 0;
  #connectedOnce = false;
  #timer = 0;
  #watch = 0;
  #doubt = 0;
  #senders = {};
  #enabled = { video: true, audio: true };
  #facts = new Facts({ ready: () => this.state === "connected", put: (what, body) => this.#put(what, body) });
  state = "idle";
  session = null;
  participant = null;
  location = null;

  /** @param {{kind: "webcam"|"meeting", info: any, video: MediaStreamTrack, audio: MediaStreamTrack|null, camera: object|null}} options */
  constructor({ kind, info, video, audio, camera }) {
    super();
    Object.assign(this, { kind, info, camera, tracks: { video, audio } });
    this.leave = () => this.#farewell();
    addEventListener("pagehide", this.leave);
    this.tell("simulation", { attack: null });
  }

  start() {
    return this.#connect();
  }

  /** Ends the session on purpose. */
  async stop() {
    removeEventListener("pagehide", this.leave);
    this.#dispose();
    this.#say("stopped", "stopped");
    if (this.location) await api.call("DELETE", this.location).catch(() => null); // gone already, or with the guard
  }

  /** Sends another track from now on, also after reconnecting; a kind that was not sent so far takes another offer. */
  async replace(kind, track) {
    const before = this.tracks[kind];
    track.enabled = this.#enabled[kind];
    this.tracks[kind] = track;
    try {
      await this.#senders[kind]?.replaceTrack(track);
    } catch (error) {
      this.tracks[kind] = before;
      throw error;
    }
    this.#offerAll();
  }

  /** Switches what is sent on or off, and tells the guard that it is on purpose. */
  setEnabled(kind, enabled) {
    this.#enabled[kind] = enabled;
    if (this.tracks[kind]) this.tracks[kind].enabled = enabled;
    this.#tellMuted();
  }

  enabled(kind) {
    return this.#enabled[kind];
  }

  /** Tells the guard a fact about the session: until it has heard it, and anew after each connection. */
  tell(what, body) {
    this.#facts.set(what, body);
  }

  /**
   * Compares with what the guard knows, which may notice first that a connection is broken; one that does not know us
   * at all, or could not go on, though we are connected, is offered a new session. What somebody has ended stays ended.
   * @param {() => any} known the session as the guard described it last
   */
  check(known) {
    if (known()?.ended_because === "asked") {
      if (this.state !== "stopped") this.#endedByOthers();
      return;
    }
    const lost = () => this.state === "connected" && !known()?.connected;
    if (!lost()) return;
    if (!known() || known().ended_at) this.#retry(0);
    else this.#doubt ||= setTimeout(() => ((this.#doubt = 0), lost() && this.#broken()), BROKEN_AFTER_MS);
  }

  async #connect() {
    const run = ++this.#run;
    this.#dispose(false);
    this.#say("connecting", "connecting");
    try {
      const pc = (this.#pc = await this.#peer(run));
      const body = { kind: this.kind, sdp: pc.localDescription.sdp, camera: this.camera, ...(this.participant && { participant: this.participant }) };
      const answer = await api.call("POST", "api/sessions", body);
      if (run !== this.#run) {
        if (this.state === "stopped") await api.call("DELETE", relative(answer.location)).catch(() => null);
        return;
      }
      this.participant = answer.participant;
      this.session = answer.id;
      this.location = relative(answer.location);
      await pc.setRemoteDescription({ type: "answer", sdp: quickStart(answer.sdp) });
      this.#watch = setTimeout(() => run === this.#run && pc.connectionState !== "connected" && this.#broken(), CONNECT_WITHIN_MS);
      this.emit("session", answer.id);
    } catch (error) {
      if (run === this.#run) this.#refused(error);
    }
  }

  async #peer(run) {
    const pc = new RTCPeerConnection({ iceServers: this.info.ice_servers });
    const stream = new MediaStream(Object.values(this.tracks).filter(Boolean));
    const wish = wishFor(this.kind);
    for (const [kind, track] of Object.entries(this.tracks)) {
      if (!track) continue;
      const sendEncodings = kind === "video" ? [{ maxBitrate: wish.maxBitrate, maxFramerate: 30 }] : undefined;
      const transceiver = pc.addTransceiver(track, { direction: "sendonly", streams: [stream], ...(sendEncodings && { sendEncodings }) });
      if (kind === "video") preferCodecs(transceiver);
      this.#senders[kind] = transceiver.sender;
    }
    pc.addEventListener("connectionstatechange", () => run === this.#run && this.#changed(pc.connectionState));
    await pc.setLocalDescription();
    await gathered(pc);
    return pc;
  }

  #changed(state) {
    clearTimeout(this.#watch);
    if (state === "connected") {
      this.#tries = 0;
      this.#connectedOnce = true;
      this.#say("connected", "sending to the guard");
      degrade(this.#senders.video, this.kind);
      this.#tellMuted();
      this.#facts.tellAll();
      this.#offerAll();
    } else if (state === "failed" || state === "closed") this.#broken();
    else if (state === "disconnected") this.#watch = setTimeout(() => this.#broken(), BROKEN_AFTER_MS);
  }

  /** Makes another offer where there is a track of a kind that the present one lacks. */
  #offerAll() {
    const lacking = Object.keys(this.tracks).some((kind) => this.tracks[kind] && !this.#senders[kind]);
    if (lacking && this.state === "connected") this.#connect();
  }

  #tellMuted() {
    this.tell("muted", { video: !this.#enabled.video, audio: !this.#enabled.audio || !this.tracks.audio });
  }

  /** Whether nothing more is to be done about it: the guard has heard it, or will not hear of it. */
  async #put(what, body) {
    try {
      await api.call("PUT", `api/sessions/${encodeURIComponent(this.session)}/${what}`, body);
    } catch (error) {
      if (!FINAL.includes(error.status)) return false;
      this.emit("refused", { what, error });
    }
    return true;
  }

  #broken() {
    if (!this.#connectedOnce && ++this.#tries > TRIES_BEFORE_FIRST) {
      this.#fail(
        new Trouble(
          "The guard was reached, but no picture and sound got through to it.",
          "A firewall may keep UDP back. Start the guard on this machine, or give it a TURN server, and start again.",
        ),
      );
    } else this.#retry();
  }

  #refused(error) {
    if (!this.#connectedOnce || FINAL.includes(error.status)) this.#fail(error);
    else this.#retry();
  }

  #endedByOthers() {
    this.location = null; // nothing is left to end
    this.#fail(new Trouble("The session was ended.", "Somebody did that under Sessions, or by the API. To be guarded again, start again."));
  }

  #retry(wait_ms = Math.min(FIRST_WAIT_MS * 2 ** this.#tries, LONGEST_WAIT_MS)) {
    this.#dispose();
    this.#tries += 1;
    this.#say("retrying", wait_ms ? `connection lost; trying again in ${Math.round(wait_ms / 1000)} s` : "connection lost; trying again");
    this.#timer = setTimeout(() => this.#connect(), wait_ms);
  }

  #fail(error) {
    removeEventListener("pagehide", this.leave);
    this.#dispose();
    this.#say("stopped", "stopped");
    this.emit("failed", error);
  }

  #dispose(next = true) {
    if (next) this.#run += 1;
    clearTimeout(this.#timer);
    clearTimeout(this.#watch);
    this.#pc?.close();
    this.#pc = null;
    this.#senders = {};
  }

  #say(state, words) {
    this.state = state;
    this.emit("state", { state, words });
  }

  #farewell() {
    if (this.location) api.call("DELETE", this.location, undefined, { keepalive: true }).catch(() => null);
  }
}

/** The guard names places from its root; the page may lie deeper behind a proxy. */
function relative(location) {
  return location.replace(/^\//, "");
}
