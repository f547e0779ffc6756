// A state as a sign and words; colour only underlines it.
import { h } from "./dom.js";
import { icon } from "./icons.js";

export class Badge {
  #state = null;
  #words = h("span");

  constructor() {
    this.element = h("span", { class: "badge" });
  }

  show(state, words) {
    if (state !== this.#state) {
      this.#state = state;
      this.element.dataset.state = state;
      this.element.replaceChildren(icon(state), this.#words);
    }
    if (this.#words.textContent !== words) this.#words.textContent = words;
  }
}
