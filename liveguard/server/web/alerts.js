// The alerts of one session, newest first, each with its figures, what would settle it, and what the person says of it.
import * as api from "./api.js";
import { h, newId, setText } from "./dom.js";
import { icon } from "./icons.js";
import { trouble } from "./trouble.js";
import { capital, clock, figure, number, percent, whoWords } from "./words.js";

const VERDICTS = { false_alarm: "a false alarm", real: "a real one" };
const LONGEST_NOTE = 500;

export class AlertList {
  #items = new Map();
  #none = h("p", { class: "sub" }, "No alert so far.");

  constructor(info) {
    this.info = info;
    this.list = h("ol", { class: "alert-list" });
    const heading = newId("alerts");
    this.element = h(
      "section",
      { class: "alerts", "data-testid": "alerts", "aria-labelledby": heading },
      h("h3", { id: heading }, "Alerts"),
      this.#none,
      this.list,
    );
  }

  /** @param {Map<string, any>} alerts @param {boolean} ended whether the session is over */
  show(alerts, ended) {
    const sorted = [...alerts.values()].sort((a, b) => b.t_s - a.t_s);
    this.#none.hidden = sorted.length > 0;
    for (const alert of sorted) {
      const item = this.#items.get(alert.id) ?? new AlertItem(alert, this.info);
      this.#items.set(alert.id, item);
      item.show(alert, ended);
    }
    for (const id of [...this.#items.keys()]) if (!alerts.has(id)) this.#items.delete(id);
    const wanted = sorted.map((alert) => this.#items.get(alert.id).element);
    if (wanted.some((element, k) => this.list.children[k] !== element)) this.list.replaceChildren(...wanted); // a note that is being typed stays
    this.list.hidden = sorted.length === 0;
  }
}

class AlertItem {
  #status = h("span", { class: "tag", "data-testid": "alert-status" });
  #details;
  #given = h("p", { class: "given", role: "status", "data-testid": "feedback-given" });
  #note = h("input", { type: "text", maxlength: LONGEST_NOTE, placeholder: "Note (optional)", "aria-label": "Note about this alert, optional" });

  constructor(alert, info) {
    this.id = alert.id;
    this.#details = h(
      "details",
      { open: !alert.cleared_at },
      h("summary", {}, "Why, and what would settle it"),
      h("ul", { class: "why" }, ...alert.readings.map(readingLine)),
      h("p", { class: "sub" }, evidence(alert)),
      h("p", { class: "settle" }, h("b", {}, "To settle it: "), alert.settle, "."),
    );
    const what = info.hypotheses[alert.hypothesis] ?? alert.hypothesis;
    this.element = h(
      "li",
      { class: "alert", "data-alert": alert.id, "data-testid": "alert" },
      h(
        "div",
        { class: "alert-head" },
        h("time", { class: "at" }, clock(alert.t_s)),
        icon("alert"),
        h("strong", {}, `${whoWords(alert.who)}: ${what}`),
        this.#status,
        alert.simulation ? h("span", { class: "tag simulated", "data-testid": "simulated" }, "simulated") : null,
      ),
      this.#details,
      this.#form(),
      this.#given,
    );
  }

  show(alert, ended) {
    const state = alert.cleared_at ? "cleared" : "raised";
    if (this.element.dataset.state === "raised" && state === "cleared") this.#details.open = false;
    this.element.dataset.state = state;
    setText(this.#status, alert.cleared_at ? "cleared" : ended ? "stood at the end" : "standing");
    const { feedback } = alert;
    setText(this.#given, feedback ? `You called it ${VERDICTS[feedback.verdict]}${feedback.note ? `: “${feedback.note}”` : ""}.` : "");
    for (const button of this.element.querySelectorAll("[data-verdict]"))
      button.setAttribute("aria-pressed", String(feedback?.verdict === button.dataset.verdict));
  }

  #form() {
    const button = (verdict, words) =>
      h("button", { type: "button", class: "small", "data-verdict": verdict, "aria-pressed": "false", onclick: () => this.#send(verdict) }, words);
    return h(
      "div",
      { class: "feedback", role: "group", "aria-label": "Was this alert right?" },
      this.#note,
      button("false_alarm", "False alarm"),
      button("real", "A real one"),
    );
  }

  async #send(verdict) {
    const note = this.#note.value.trim();
    try {
      const kept = await api.call("POST", `api/alerts/${encodeURIComponent(this.id)}/feedback`, { verdict, ...(note && { note }) });
      setText(this.#given, `You called it ${VERDICTS[kept.verdict]}${kept.note ? `: “${kept.note}”` : ""}.`);
      this.#note.value = "";
    } catch (error) {
      setText(this.#given, `Not stored. ${trouble(error).what}`);
    }
  }
}

function readingLine(reading) {
  const figures = Object.entries(reading.measures).map(([name, value]) => figure(name, value));
  const stretch = `${clock(reading.start_s)} to ${clock(reading.end_s)}`;
  return h("li", {}, h("b", {}, reading.detector), ` ${capital(reading.why)}. `, h("span", { class: "figures" }, [stretch, ...figures].join(" · ")));
}

function evidence(alert) {
  return (
    `Evidence ${number(alert.evidence_nats)} nats, threshold ${number(alert.threshold_nats)}; risk ${percent(alert.risk)}; ` +
    `raised ${number(alert.lag_s)} s after it began.`
  );
}
