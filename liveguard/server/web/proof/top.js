// The bar at the top: how much time is left, the other language, and the way out.
import { h, setText } from "../dom.js";
import { icon } from "../icons.js";
import { clock } from "../words.js";
import { sayPolitely } from "./say.js";
import { other, t } from "./words.js";

const WARNED = [
  [60, "minute"],
  [30, "half"],
];

export class Top {
  #ends_ms = 0;
  #timer = 0;
  #warned = 0;

  /** @param {{onStop: () => void, onLanguage: (code: string) => void, onLate: () => void}} told */
  constructor(element, { onStop, onLanguage, onLate }) {
    this.onLate = onLate;
    this.left = h("p", { class: "left", role: "timer", "data-testid": "time-left", hidden: true });
    this.language = h("button", { type: "button", class: "quiet", "data-testid": "language", onclick: () => onLanguage(other().lang) });
    this.stop = h("button", { type: "button", class: "stop", "data-testid": "stop", onclick: () => onStop() });
    element.append(h("p", { class: "brand" }, "liveguard"), this.left, this.language, this.stop);
    this.again();
  }

  /** In the language that is spoken now. */
  again() {
    document.title = t.title;
    const next = other();
    this.language.lang = next.lang;
    setText(this.language, next.name);
    this.stop.replaceChildren(icon("stop"), h("span", {}, t.top.stop));
    this.stop.setAttribute("aria-label", t.top.stopFull);
    this.#show();
  }

  /** What can be done now. The language stays as it is while things happen that are not drawn anew. */
  offer({ stop, language }) {
    this.stop.hidden = !stop;
    this.language.hidden = !language;
  }

  /** Counts down from now on; `onLate` is called once at the end. */
  countDown(seconds) {
    this.#ends_ms = performance.now() + 1_000 * seconds;
    this.#warned = WARNED.filter(([at_s]) => at_s >= seconds).length;
    this.resume();
  }

  /** Takes the clock away; it goes on for `resume`. */
  end() {
    clearInterval(this.#timer);
    this.left.hidden = true;
  }

  resume() {
    if (!this.#ends_ms) return;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#tick(), 250);
    this.left.hidden = false;
    this.#tick();
  }

  #tick() {
    const left_s = (this.#ends_ms - performance.now()) / 1_000;
    this.#show();
    if (this.#warned < WARNED.length && left_s <= WARNED[this.#warned][0]) sayPolitely(t.top[WARNED[this.#warned++][1]]);
    if (left_s > 0) return;
    clearInterval(this.#timer);
    this.onLate();
  }

  #show() {
    if (!this.#ends_ms) return;
    setText(this.left, t.top.left(clock((this.#ends_ms - performance.now()) / 1_000 + 0.5)));
  }
}
