// One participant: state, risk, reasons, what to change, and what each check says.
import { Badge } from "./badge.js";
import { Charts } from "./charts.js";
import { h, newId, setItems, setText } from "./dom.js";
import { advice, capital, percent, stateWords, whoWords } from "./words.js";

export class Card {
  #badge = new Badge();
  #risk = h("span", { class: "risk" });
  #why = h("ul", { class: "why", "data-testid": "why" });
  #advice = h("p", { class: "advice", "data-testid": "advice", hidden: true });

  /** @param {string} who "feed", "face 1" or "other faces" @param {any} info what the guard says of itself */
  constructor(who, info) {
    this.who = who;
    this.info = info;
    this.charts = new Charts(info.checks);
    this.thumb = who.startsWith("face ") ? h("canvas", { class: "thumb", width: 112, height: 112, "aria-hidden": "true" }) : null;
    const heading = newId("card");
    this.element = h(
      "article",
      { class: "card", "data-who": who, "data-testid": "card", "aria-labelledby": heading },
      h(
        "header",
        {},
        this.thumb,
        h("div", { class: "naming" }, h("h3", { id: heading }, whoWords(who)), who === "feed" ? h("p", { class: "sub" }, "picture and voice as such") : null),
        h("div", { class: "standing" }, this.#badge.element, this.#risk),
      ),
      this.#why,
      this.#advice,
      this.charts.element,
    );
  }

  /**
   * @param {any} status may be missing
   * @param {{state: string, words: string}|null} old why nothing may be said of the present
   * @returns {{state: string, words: string}} what is shown
   */
  show(status, old) {
    const state = old?.state ?? status?.state ?? "waiting";
    const words = old && old.state === "offline" ? "no connection to the guard" : old?.state === "ended" ? "ended" : stateWords(state, this.info);
    this.element.dataset.state = state;
    this.#badge.show(state, words);
    const judged = !old && status && status.risk !== null;
    setText(this.#risk, judged ? `risk ${percent(status.risk)}` : "");
    setItems(this.#why, this.#reasons(status, old));
    const todo = !old && state === "cannot_judge" ? advice(status.why) : [];
    this.#advice.hidden = todo.length === 0;
    setText(this.#advice, `To change that: ${todo.join("; ")}.`);
    return { state, words };
  }

  #reasons(status, old) {
    if (old?.state === "ended" && status) return [`At the end: ${stateWords(status.state, this.info)}.`, ...status.why.map(capital)];
    if (old) return [`${capital(old.words)}.`];
    if (!status) return ["Seen, not judged yet."];
    if (status.state === "genuine") return [["Nothing was found", ...status.why].map((why) => `${capital(why)}.`).join(" ")];
    return status.why.map(capital);
  }
}
