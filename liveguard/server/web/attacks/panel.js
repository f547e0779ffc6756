// "Try an attack": buttons, files, and how soon the guard answered.
import { h, setText } from "../dom.js";
import { icon } from "../icons.js";
import { number } from "../words.js";
import { ATTACKS } from "./catalogue.js";
import { Engine } from "./engine.js";
import { LOOP_S } from "./ring.js";
import { Watch } from "./watch.js";

const REFRESH_MS = 250;

export class AttackPanel {
  #rows = new Map();

  constructor(call, app) {
    this.call = call;
    this.engine = new Engine(call);
    this.watch = new Watch(call, app);
    this.result = h("p", { class: "attack-result", role: "status", "data-testid": "attack-result" });
    this.real = h("button", { type: "button", class: "tool", "data-testid": "attack-none", "data-attack": "none", disabled: true, onclick: () => this.back() }, icon("genuine"), h("span", {}, "Back to the real feed"));
    this.element = h(
      "details",
      { class: "attacks", "data-testid": "attacks", ontoggle: () => this.#record() },
      h("summary", {}, "Try an attack"),
      h(
        "div",
        { class: "inside" },
        h("p", { class: "sub" }, "Simulations, made in this browser from your own feed and only while you ask for them. Alerts that they cause are stored as simulated. While this is open, the last five seconds of your picture are kept in this tab for the loop."),
        h("div", { class: "attack-list" }, ...ATTACKS.map((attack) => this.#row(attack))),
        h("div", { class: "bar" }, this.real),
        this.result,
      ),
    );
    this.timer = setInterval(() => this.#refresh(), REFRESH_MS);
  }

  /** The real feed again. */
  async back() {
    if (!this.engine.running) return;
    this.watch.stop();
    await this.engine.stop();
    this.#show("The real feed is sent again. What stands fades within a minute or so.");
  }

  /** The camera is another one now. */
  follow() {
    this.engine.follow();
  }

  close() {
    clearInterval(this.timer);
    this.watch.stop();
    this.engine.close();
  }

  #row(attack) {
    const button = h("button", { type: "button", class: "attack-button", "data-attack": attack.id, "data-testid": `attack-${attack.id}`, "aria-pressed": "false", onclick: () => this.#start(attack) }, attack.name);
    const about = h("p", { class: "sub" }, attack.about);
    this.#rows.set(attack.id, { button, about });
    return h("div", { class: "attack-row" }, button, about, attack.file ? this.#fileChoice(attack) : null);
  }

  #fileChoice(attack) {
    const what = attack.file === "image/*" ? "picture" : "recording";
    const input = h("input", { type: "file", accept: attack.file, "data-testid": `file-${attack.id}` });
    input.addEventListener("click", () => (input.value = "")); // so that the same file can be chosen again
    input.addEventListener("change", () => input.files[0] && this.#start(attack, input.files[0]));
    return h("label", { class: "file" }, h("span", {}, `or with a ${what} of yours:`), input);
  }

  async #start(attack, file = null) {
    try {
      await this.engine.start(attack, file);
      this.watch.start(attack);
      this.#show("");
    } catch {
      this.watch.stop();
      await this.engine.stop();
      this.#show(file ? "That file cannot be read. Choose another one." : "The attack could not be started.");
    }
  }

  /** The ring fills while the panel is open, and rests while its loop is played. */
  #record() {
    if (this.engine.running === "loop") return;
    if (this.element.open) this.engine.ring.record();
    else this.engine.ring.clear();
  }

  #show(text) {
    this.fixed = text;
    this.#record();
    this.#refresh();
  }

  #refresh() {
    const { running, ring } = this.engine;
    this.element.dataset.running = running ?? "";
    this.real.disabled = !running;
    for (const [id, { button }] of this.#rows) {
      button.setAttribute("aria-pressed", String(id === running));
      button.disabled = this.#impossible(id);
    }
    const loop = ATTACKS.find((attack) => attack.id === "loop");
    setText(this.#rows.get("loop").about, ring.full ? loop.about : `${loop.about} Filling: ${number(ring.seconds)} of ${LOOP_S} s.`);
    setText(this.result, this.fixed || this.watch.words());
  }

  #impossible(id) {
    if (this.call.publisher.state !== "connected") return true;
    const kind = ATTACKS.find((attack) => attack.id === id).kind;
    if (kind === "audio") return this.call.stream.getAudioTracks().length === 0;
    return id === "loop" && !this.engine.ring.full;
  }
}
