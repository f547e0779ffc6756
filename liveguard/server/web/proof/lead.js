// The part in which the server leads: placing the face, one challenge after the other, and then the judgement.
import { Ending } from "./ending.js";
import { runStep } from "./run_step.js";
import { announcement, instruction, STIMULI } from "./stimuli/index.js";
import { t } from "./words.js";

/** Follows the server's messages. `done` resolves with the last of them, or rejects with an Ending. */
export class Lead {
  #step = new AbortController();
  #ending = null; // what comes of the connection's end, where the server has said why
  #off = [];

  /** @param {{stage: import("./stage.js").Stage, wire: import("./wire.js").Wire, feed: import("./feed.js").Feed, onJudging: () => void}} parts */
  constructor({ stage, wire, feed, onJudging }) {
    Object.assign(this, { stage, wire });
    this.done = new Promise((resolve, reject) => {
      const lost = () => reject(this.#ending ?? new Ending("lost"));
      this.#off = [
        wire.on("frame", ({ hint }) => this.#frame(hint)),
        wire.on("step", (step) => this.#announce(step)),
        wire.on("show", (step) => this.#show(step)),
        wire.on("step_over", ({ number }) => this.#over(number)),
        wire.on("judging", () => (this.#end(), onJudging())),
        wire.on("trouble", (trouble) => this.#trouble(trouble)),
        wire.on("done", resolve),
        wire.on("lost", lost),
        feed.on("lost", lost),
      ];
    });
    this.done.catch(() => null); // it may be lost before anybody waits for it
    document.addEventListener("visibilitychange", this.#seen);
  }

  close() {
    this.#end();
    this.#off.forEach((off) => off());
    document.removeEventListener("visibilitychange", this.#seen);
  }

  #frame(hint) {
    this.stage.suggest(t.placing.hints[hint] ?? t.placing.looking, hint === "ok");
  }

  /** What kind of thing is next; what exactly is told when it is to be shown. */
  #announce({ number, of, kind }) {
    this.#end();
    const { stage } = this;
    this.of = of;
    stage.unwarn();
    stage.suggest("");
    stage.kind = this.kind = kind;
    const { head, hint = "" } = announcement(kind);
    stage.instruct(head, { hint, count: t.step.count(number, of) });
  }

  async #show({ number, params }) {
    const { signal } = (this.#step = new AbortController());
    const { stage, kind } = this;
    const asked = instruction(kind, params);
    if (asked) stage.instruct(asked.head, { hint: asked.hint, count: t.step.count(number, this.of) });
    await runStep({
      stimulus: STIMULI[kind](stage, params),
      lasts_us: params.lasts_us,
      signal,
      onShown: () => this.wire.send({ type: "shown", number }),
    });
  }

  #over(number) {
    this.#end();
    this.stage.instruct(t.step.thanks, { hint: number < this.of ? t.step.next : t.step.last });
  }

  #end() {
    this.#step.abort();
    this.stage.kind = null;
  }

  /** `why`: a key of the words under ended; else the server's own words. */
  #trouble({ why, what = "", todo = "" }) {
    const words = t.ended[why];
    this.#ending = words ? new Ending(why) : new Ending("refused", { what, todo });
    this.stage.warn(words ? { what: words.lead, todo: words.todo } : { what, todo });
  }

  #seen = () => {
    if (document.visibilityState === "hidden") this.stage.warn(t.notice.hidden);
  };
}
