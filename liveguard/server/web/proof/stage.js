// Where the check happens: the instruction, the mirror with its oval, and a line below it.
import { h, setText } from "../dom.js";
import { sayNow, sayPolitely } from "./say.js";
import { t } from "./words.js";

export class Stage {
  /** @param {MediaStream} stream what the mirror shows */
  constructor(stream) {
    this.count = h("p", { class: "count", "data-testid": "count" });
    this.heading = h("h1", { class: "instruction", tabindex: -1, "data-testid": "instruction" });
    this.large = h("div", { class: "large", "aria-hidden": "true" });
    this.video = h("video", { playsinline: true, autoplay: true, "aria-label": t.preview.view, "data-testid": "self-view" });
    this.video.muted = true; // the attribute alone is not enough for an element made by script
    this.oval = h("div", { class: "oval", "data-testid": "oval" });
    this.mirror = h("div", { class: "mirror" }, this.video, this.oval);
    this.hint = h("p", { class: "hint", "data-testid": "hint" });
    this.notice = h("p", { class: "notice", role: "alert", hidden: true, "data-testid": "notice" });
    this.foot = h("div", { class: "foot" });
    this.field = h("div", { class: "field", "aria-hidden": "true" });
    const words = h("div", { class: "words" }, this.count, this.heading, this.large);
    this.element = h("div", { class: "stage" }, words, this.mirror, h("div", { class: "below" }, this.hint, this.notice, this.foot), this.field);
    this.see(stream);
  }

  see(stream) {
    this.video.srcObject = new MediaStream(stream.getVideoTracks());
  }

  /** Once more, after the stage was away from the page, which stops a picture. */
  play() {
    return this.video.play().catch(() => null); // taken away again meanwhile
  }

  /** Resolves when the person sees themself. */
  seen() {
    if (this.video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) return Promise.resolve();
    return new Promise((resolve) => this.video.addEventListener("loadeddata", resolve, { once: true }));
  }

  /** The face is to be brought into the oval. */
  place() {
    this.instruct(t.placing.head, { hint: t.placing.connecting });
    this.heading.focus({ preventScroll: true });
  }

  /** What to do now; said at once too. */
  instruct(heading, { count = "", hint = "" } = {}) {
    setText(this.heading, heading);
    setText(this.count, count);
    setText(this.hint, hint);
    sayNow([count, heading, hint].filter(Boolean).join(". "));
  }

  /** The next thing to do within a challenge; said at once. */
  now(text) {
    if (this.hint.textContent === text) return;
    this.hint.textContent = text;
    sayNow(text);
  }

  /** A hint that comes and goes; said when it stays. `good`: all is well. */
  suggest(text, good = false) {
    setText(this.hint, text);
    this.element.dataset.good = String(good);
    sayPolitely(text);
  }

  warn({ what, todo }) {
    this.notice.replaceChildren(h("b", {}, what), " ", todo);
    this.notice.hidden = false;
  }

  unwarn() {
    this.notice.hidden = true;
  }

  /** Which challenge is shown, for the style sheet; null: none. */
  set kind(kind) {
    if (kind) this.element.dataset.kind = document.body.dataset.kind = kind;
    else {
      delete this.element.dataset.kind;
      delete document.body.dataset.kind;
    }
  }
}
