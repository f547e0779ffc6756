// A feed of this browser under guard: its picture, what is said of it, and the buttons below. Webcam and meeting share it.
import { h, setText } from "./dom.js";
import { icon } from "./icons.js";
import { messageBox } from "./message.js";
import { Publisher } from "./publisher.js";
import { Room } from "./room.js";
import { trouble } from "./trouble.js";

const STATE_SIGNS = { connecting: "waiting", connected: "share", retrying: "offline", stopped: "ended" };

export class LiveCall {
  #toggles = [];

  /**
   * @param {object} app store, socket, info, notifier
   * @param {{kind: "webcam"|"meeting", stream: MediaStream, camera: object|null, onEnd: (error?: any) => void}} options
   */
  constructor(app, { kind, stream, camera, onEnd }) {
    Object.assign(this, { app, kind, stream, onEnd });
    const [video] = stream.getVideoTracks();
    const [audio = null] = stream.getAudioTracks();
    if (kind === "meeting") video.contentHint = "motion"; // people, not slides: smooth rather than sharp
    this.video = h("video", { class: "picture", muted: true, playsinline: true, autoplay: true, "data-testid": "local-video", "aria-label": "Your feed, as the guard gets it" });
    this.video.muted = true; // the attribute alone is not enough for an element made by script
    this.video.srcObject = new MediaStream([video]);
    this.publisher = new Publisher({ kind, info: app.info, video, audio, camera });
    this.room = new Room({
      ...app,
      picture: { element: this.video, size: () => [this.video.videoWidth, this.video.videoHeight] },
      boxes: kind === "meeting",
      excuse: () => this.#excuse(),
    });
    this.notice = messageBox();
    this.status = h("span", { class: "connection", role: "status", "data-testid": "connection" });
    this.room.bar.prepend(...this.#buttons());
    this.room.bar.append(this.status);
    this.element = h("div", { class: "call" }, this.notice.element, this.room.element);
    this.#listen();
    this.publisher.start();
  }

  /** What is sent as picture is shown here too: this track, real or simulated. */
  async send(kind, track) {
    await this.publisher.replace(kind, track);
    this.#toggles.forEach((show) => show());
    if (kind === "video") this.video.srcObject = new MediaStream([track]);
  }

  /** Ends it all; resolves when the guard knows. */
  async end(error) {
    if (this.ended) return;
    this.ended = true;
    this.offs.forEach((off) => off());
    this.room.close();
    this.stream.getTracks().forEach((track) => track.stop());
    this.onEnd(error);
    await this.publisher.stop();
  }

  #listen() {
    const { publisher, app } = this;
    this.offs = [
      publisher.on("state", ({ state, words }) => this.#say(state, words)),
      publisher.on("session", (id) => this.room.follow(id)),
      publisher.on("failed", (error) => this.end(error)),
      publisher.on("refused", ({ error }) => this.notice.show(trouble(error))),
      ...["link", "sessions"].map((what) => app.store.on(what, () => app.store.linked && this.#check())),
    ];
    this.#say("connecting", "connecting");
  }

  #check() {
    this.publisher.check(() => this.app.store.entry(this.publisher.session)?.session);
  }

  #say(state, words) {
    this.status.dataset.state = state;
    this.status.replaceChildren(icon(STATE_SIGNS[state]), h("span", {}, words));
  }

  #excuse() {
    const { state } = this.publisher;
    if (state === "connecting") return "connecting to the guard";
    if (state === "connected" && !this.publisher.enabled("video")) return "your camera is switched off";
    return null;
  }

  #buttons() {
    const shared = this.kind === "meeting";
    const stop = h("button", { type: "button", class: "tool danger", "data-testid": "stop", onclick: () => this.end() }, icon("stop"), h("span", {}, "Stop"));
    return [
      stop,
      this.#toggle("video", shared ? "Picture" : "Camera", "camera"),
      this.#toggle("audio", shared ? "Sound" : "Microphone", "mic"),
    ];
  }

  #toggle(kind, name, sign) {
    const words = h("span");
    const button = h("button", { type: "button", class: "tool", "data-testid": `mute-${kind}` });
    const show = () => {
      const there = Boolean(this.publisher.tracks[kind]);
      const on = this.publisher.enabled(kind);
      button.disabled = !there;
      setText(words, there ? `${name} ${on ? "on" : "off"}` : `No ${name.toLowerCase()}`);
      button.setAttribute("aria-pressed", String(there && on));
      button.replaceChildren(icon(there && on ? sign : `${sign}_off`), words);
    };
    button.addEventListener("click", () => {
      this.publisher.setEnabled(kind, !this.publisher.enabled(kind));
      show();
    });
    this.#toggles.push(show);
    show();
    return button;
  }
}
