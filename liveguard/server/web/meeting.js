// The view "Guard a meeting": share the meeting's tab or window with the guard; nobody joins the meeting.
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { LiveCall } from "./live_call.js";
import { messageBox } from "./message.js";
import { ProofRequest } from "./proof_request.js";
import { requireCapture, trouble } from "./trouble.js";

const WANTED = {
  video: { frameRate: { ideal: 30 }, width: { max: 1920 }, height: { max: 1080 }, displaySurface: "browser" },
  audio: { suppressLocalAudioPlayback: false, echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  selfBrowserSurface: "exclude",
  systemAudio: "include",
  surfaceSwitching: "include",
};

export class MeetingView {
  #call = null;

  constructor(app) {
    this.app = app;
    this.message = messageBox();
    this.start = h("button", { type: "button", class: "primary", id: "start-meeting", "data-testid": "start-meeting", onclick: () => this.#start() }, icon("share"), h("span", {}, "Share the meeting with the guard"));
    this.intro = h(
      "div",
      { class: "intro" },
      h("h2", {}, "Guard a meeting without a bot in it"),
      h(
        "ol",
        {},
        h("li", {}, "Open the meeting in a tab of this browser, in the view that shows all people as large as they get (gallery, or speaker view for one)."),
        h("li", {}, "Press the button, choose “Tab”, then the meeting’s tab, and switch “Also share tab audio” on. A window works too, but on most systems without its sound."),
        h("li", {}, "Keep the meeting in view: a tab that is minimised sends no pictures."),
      ),
      h("p", { class: "sub" }, `Up to ${app.info.max_faces} faces are followed, each with a card of its own. With several people in the picture, the lips of one and the voice of another are not told apart.`),
      this.start,
      h("p", { class: "sub" }, "Tell the people in the meeting that it is being guarded."),
    );
    this.place = h("div");
    this.proof = new ProofRequest(app.info);
    this.element = h("div", { class: "view" }, this.message.element, this.intro, this.place, this.proof.element);
  }

  async #start() {
    this.message.hide();
    this.start.disabled = true;
    try {
      requireCapture("getDisplayMedia");
      this.#run(await navigator.mediaDevices.getDisplayMedia(WANTED));
    } catch (error) {
      this.message.show(trouble(error, "screen"));
    }
    this.start.disabled = false;
  }

  #run(stream) {
    this.intro.hidden = true;
    this.#call = new LiveCall(this.app, { kind: "meeting", stream, camera: null, onEnd: (error) => this.#end(error) });
    this.place.replaceChildren(this.#call.element);
    stream.getVideoTracks()[0].addEventListener("ended", () => this.#call?.end());
    if (stream.getAudioTracks().length === 0)
      this.#call.notice.show(
        { what: "The meeting is shared without its sound.", todo: "Lips and voice cannot be compared. To change that, stop, share the tab again and switch “Also share tab audio” on." },
        "hint",
      );
  }

  #end(error) {
    this.#call = null;
    this.place.replaceChildren();
    this.intro.hidden = false;
    if (error) this.message.show(trouble(error));
    this.start.focus();
  }
}
