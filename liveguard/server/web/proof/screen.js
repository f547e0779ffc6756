// What fills the page at a time: a heading, which gets the focus, and what stands under it.

/** One thing at a time in the page's main part. */
export class Screen {
  #main;
  #build = null;

  constructor(main) {
    this.#main = main;
  }

  /**
   * Shows another screen. `build` returns its nodes, one of which has (or is) an h1 with tabindex -1; it is called again
   * when the language changes.
   */
  show(name, build) {
    const first = this.#build === null; // a page that opens is read from its beginning anyway
    this.#build = build;
    this.#main.dataset.screen = document.body.dataset.screen = name;
    this.again();
    scrollTo(0, 0);
    if (!first) this.#main.querySelector("h1")?.focus({ preventScroll: true });
  }

  /** The same once more, in the language that is spoken now. */
  again() {
    if (this.#build) this.#main.replaceChildren(...this.#build().filter(Boolean));
  }
}
