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
    if (stream.getAudioTracks().length === 0)
      call.notice.show({ what: "There is no microphone.", todo: "Lips and voice cannot be compared; plug one in and start again." }, "hint");
    this.cameras.fill();
    this.microphones.fill();
  }

  #watch(camera) {
    camera.addEventListener("ended", () => {
      if (this.#call?.stream.getVideoTracks()[0] !== camera) return;
      this.#call.notice.show({ what: "The camera was unplugged or taken away.", todo: "Choose another one below, or plug it in and start again." });
    });
  }

  /** Another camera or microphone was chosen while the call goes on. */
  async #change(kind) {
    const call = this.#call;
    if (!call) return;
    try {
      await this.#panel.back();
      const stream = await openWebcam(this.cameras.select.value, this.microphones.select.value);
      const [track] = kind === "video" ? stream.getVideoTracks() : stream.getAudioTracks();
      if (!track) return;
      stream.getTracks().filter((other) => other !== track).forEach((other) => other.stop());
      const old = kind === "video" ? call.stream.getVideoTracks() : call.stream.getAudioTracks();
      old.forEach((one) => (one.stop(), call.stream.removeTrack(one)));
      call.stream.addTrack(track);
      await call.send(kind, track);
      this.#panel.follow();
      call.notice.hide();
      if (kind !== "video") return;
      this.#watch(track);
      call.publisher.camera = await cameraFacts(track, WANTED_VIDEO);
      await call.publisher.put("camera", call.publisher.camera);
    } catch (error) {
      call.notice.show(trouble(error));
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
