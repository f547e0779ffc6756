// What of all that happens is said to the person: alerts at once, changes of state politely and not too often.
import { stateWords, whoWords } from "./words.js";

const LOOK_MS = 1_000;
const HOLD_MS = 2_000; // a state that does not last is not worth a word

export class Spoken {
  #said = new Map(); // session and who -> {state, since_ms, told}

  constructor({ store, info, notifier }) {
    Object.assign(this, { store, info, notifier });
  }

  start() {
    this.store.on("raised", ({ alert }) => this.notifier.alert(alert));
    this.store.on("note", ({ text }) => this.notifier.say(text));
    setInterval(() => this.#look(), LOOK_MS);
  }

  #look() {
    let standing = 0;
    const there = new Set();
    for (const [id, entry] of this.store.entries) {
      if (entry.session.ended_at) continue;
      standing += [...entry.alerts.values()].filter((alert) => !alert.cleared_at).length;
      for (const status of entry.tick?.statuses ?? []) {
        there.add(`${id} ${status.participant}`);
        this.#hear(`${id} ${status.participant}`, status);
      }
    }
    for (const key of this.#said.keys()) if (!there.has(key)) this.#said.delete(key);
    this.notifier.standing(standing);
  }

  #hear(key, { participant, state }) {
    const now_ms = performance.now();
    const known = this.#said.get(key);
    if (known?.state !== state) this.#said.set(key, { state, since_ms: now_ms, told: known?.told ?? null });
    else if (known.told !== state && now_ms - known.since_ms >= HOLD_MS) {
      known.told = state;
      this.notifier.say(`${whoWords(participant)}: ${stateWords(state, this.info)}`);
    }
  }
}
