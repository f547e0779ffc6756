// The view "My webcam": choose, start, change devices, try an attack.
import { AttackPanel } from "./attacks/panel.js";
import { cameraFacts } from "./camera_facts.js";
import { deviceChoice, openWebcam, WANTED_VIDEO } from "./devices.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { LiveCall } from "./live_call.js";
import { messageBox } from "./message.js";
import { requireCapture, trouble } from "./trouble.js";

export class WebcamView {
  #call = null;
  #panel = null;

  constructor(app) {
    this.app = app;
    this.message = messageBox();
    this.cameras = deviceChoice("videoinput", "Camera", () => this.#change("video"));
    this.microphones = deviceChoice("audioinput", "Microphone", () => this.#change("audio"));
    this.devices = h("div", { class: "devices" }, this.cameras.element, this.microphones.element);
    this.start = h("button", { type: "button", class: "primary", id: "start-webcam", "data-testid": "start-webcam", onclick: () => this.#start() }, icon("camera"), h("span", {}, "Start camera and microphone"));
    this.intro = h(
      "div",
      { class: "intro" },
      h("h2", {}, "See what the guard sees of you"),
      h("p", {}, "Your picture and sound go to the guard at this address and nowhere else. It judges them as it would judge anybody in a call, and tells you why. No picture and no sound is recorded."),
      this.start,
    );
    this.place = h("div");
    this.element = h("div", { class: "view" }, this.message.element, this.intro, this.devices, this.place);
  }

  async #start() {
    this.message.hide();
    this.start.disabled = true;
    try {
      requireCapture("getUserMedia");
      this.#run(await openWebcam(this.cameras.select.value, this.microphones.select.value));
    } catch (error) {
      this.message.show(trouble(error));
    }
    this.start.disabled = false;
  }

  async #run(stream) {
    const [camera] = stream.getVideoTracks();
    this.intro.hidden = true;
    this.place.replaceChildren(h("p", { class: "sub", role: "status" }, "Asking the camera what it can do…"));
    const facts = await cameraFacts(camera, WANTED_VIDEO);
    const call = (this.#call = new LiveCall(this.app, { kind: "webcam", stream, camera: facts, onEnd: (error) => this.#end(error) }));
    this.#panel = new AttackPanel(call, this.app);
    call.room.below.append(this.devices, this.#panel.element);
    this.place.replaceChildren(call.element);
    this.#watch(camera);
    this.#showNoMicrophone(call);
    this.cameras.fill();
    this.microphones.fill();
  }

  #watch(camera) {
    camera.addEventListener("ended", () => {
      if (this.#call?.stream.getVideoTracks()[0] !== camera) return;
      this.#call.notice.show({ what: "The camera was unplugged or taken away.", todo: "Choose another one below, or plug it in and start again." });
    });
  }

  #showNoMicrophone(call) {
    if (call.stream.getAudioTracks().length === 0)
      call.notice.show({ what: "There is no microphone.", todo: "Lips and voice cannot be compared; plug one in and choose it below." }, "hint");
  }

  /** Another camera or microphone was chosen while the call goes on. */
  async #change(kind) {
    const call = this.#call;
    if (!call) return;
    try {
      await this.#panel.back();
      const track = await this.#swap(call, kind);
      if (!track) return;
      this.#panel.follow();
      call.notice.hide();
      this.#showNoMicrophone(call);
      if (kind !== "video") return;
      this.#watch(track);
      call.publisher.camera = await cameraFacts(track, WANTED_VIDEO);
      call.publisher.tell("camera", call.publisher.camera);
    } catch (error) {
      call.notice.show(trouble(error));
    }
  }

  /** Takes the chosen device into the call, if that still goes on; all else that was opened for it is let go again. */
  async #swap(call, kind) {
    const tracksOf = (stream) => (kind === "video" ? stream.getVideoTracks() : stream.getAudioTracks());
    const stream = await openWebcam(this.cameras.select.value, this.microphones.select.value);
    try {
      const [track] = tracksOf(stream);
      if (!track || this.#call !== call) return null;
      await call.send(kind, track);
      if (this.#call !== call) return null;
      tracksOf(call.stream).forEach((old) => (old.stop(), call.stream.removeTrack(old)));
      call.stream.addTrack(track);
      return track;
    } finally {
      const kept = new Set(call.stream.getTracks());
      stream.getTracks().filter((one) => !kept.has(one)).forEach((one) => one.stop());
    }
  }

  #end(error) {
    this.#panel.close();
    this.#call = this.#panel = null;
    this.element.insertBefore(this.devices, this.place);
    this.place.replaceChildren();
    this.intro.hidden = false;
    if (error) this.message.show(trouble(error));
    this.start.focus();
  }
}
