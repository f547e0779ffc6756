// Facts about a session that the guard must know beside its picture and sound, such as what is muted on purpose.

const AGAIN_MS = 1_000;

/** Tells each fact until it is heard, one after the other, so that the newest is what was heard last. */
export class Facts {
  #facts = new Map(); // what -> body
  #due = new Set();
  #telling = false;

  /** @param {{ready: () => boolean, put: (what: string, body: object) => Promise<boolean>}} way put: whether it is settled */
  constructor(way) {
    this.way = way;
  }

  set(what, body) {
    this.#facts.set(what, body);
    this.#tell([what]);
  }

  /** There is a new connection, behind which nothing may be known. */
  tellAll() {
    this.#tell(this.#facts.keys());
  }

  async #tell(facts) {
    for (const what of facts) this.#due.add(what);
    if (this.#telling) return;
    this.#telling = true;
    while (this.#due.size > 0 && this.way.ready()) {
      const [what] = this.#due;
      this.#due.delete(what);
      if (await this.way.put(what, this.#facts.get(what))) continue;
      this.#due.add(what);
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
    this.#telling = false;
  }
}
