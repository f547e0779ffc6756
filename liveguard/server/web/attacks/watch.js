// How soon the guard answers an attack: with suspicion, with an alert.
import { clock, number, whoWords } from "../words.js";

const MOST = 3; // answers told

export class Watch {
  #attack = null;
  #offs = [];
  #suspicious_s = null;
  #raised = [];

  constructor(call, app) {
    this.call = call;
    this.app = app;
  }

  start(attack) {
    this.stop();
    this.#attack = attack;
    this.#suspicious_s = null;
    this.#raised = [];
    this.start_ms = performance.now();
    this.before = [...(this.call.room.entry?.alerts.values() ?? [])].some((alert) => !alert.cleared_at);
    const mine = (id) => id === this.call.publisher.session;
    this.#offs = [
      this.app.store.on("raised", ({ id, alert }) => mine(id) && this.#hear(alert)),
      this.app.store.on("tick", (id) => mine(id) && this.#look(this.app.store.entry(id).statuses)),
    ];
  }

  stop() {
    this.#offs.forEach((off) => off());
    this.#offs = [];
    this.#attack = null;
  }

  /** What has come of it so far. */
  words() {
    if (!this.#attack) return "";
    const { name, expect } = this.#attack;
    if (this.#raised.length > 0) return `${name}: the guard raised an alert ${this.#raised.map((one) => this.#answer(one)).join("; and ")}.`;
    const begun = `${name}: on for ${clock(this.#elapsed_s())}. ${expect}`;
    const standing = this.before ? " An alert already stood when it began: wait until it is cleared to see a new one." : "";
    const suspicious = this.#suspicious_s === null ? "" : ` Suspicious after ${number(this.#suspicious_s)} s.`;
    return begun + standing + suspicious;
  }

  #answer({ alert, after_s }) {
    const what = this.app.info.hypotheses[alert.hypothesis] ?? alert.hypothesis;
    return `after ${number(after_s)} s, at ${clock(alert.t_s)} of the call (${whoWords(alert.who)}: ${what})`;
  }

  #elapsed_s() {
    return (performance.now() - this.start_ms) / 1000;
  }

  #hear(alert) {
    if (this.#raised.length < MOST) this.#raised.push({ alert, after_s: Math.round(10 * this.#elapsed_s()) / 10 });
  }

  #look(statuses) {
    if (this.#suspicious_s === null && statuses.some((status) => status.state === "suspicious"))
      this.#suspicious_s = Math.round(10 * this.#elapsed_s()) / 10;
  }
}
