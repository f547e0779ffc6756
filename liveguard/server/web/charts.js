// Strip charts: what each check said in the last minute. Up speaks for an attack, down against; dots could not judge.
import { h, setText } from "./dom.js";
import { palette } from "./palette.js";
import { capital, clock, number } from "./words.js";

const SPAN_US = 60_000_000;
const SILENT_US = 20_000_000; // a check that has not spoken for so long is not about this participant any more
const FULL_NATS = 4;
const LONGEST_STEP_US = 5_000_000;
const HEIGHT = 30;
const SPOKEN_EVERY_MS = 5_000;

/** The rows of one participant. */
export class Charts {
  #rows = new Map();

  /** @param {any[]} checks as the guard lists them */
  constructor(checks) {
    this.checks = new Map(checks.map((check) => [check.name, check]));
    this.rows = h("div", { class: "rows" });
    this.off = h("p", { class: "key", hidden: true });
    this.element = h("div", { class: "charts", "data-testid": "charts" }, this.rows, this.off);
  }

  /** @param {Map<string, any[]>} readings by check; null in between shows none @param {number} t_us now */
  show(readings, t_us) {
    const recent = [...readings].filter(([, list]) => list.at(-1).end_us > t_us - SILENT_US);
    const live = recent.filter(([name, list]) => this.#judges(name, list));
    for (const [name, row] of this.#rows)
      if (!live.some(([other]) => other === name)) {
        row.element.remove();
        this.#rows.delete(name);
      }
    for (const [name, list] of live.sort(([a], [b]) => a.localeCompare(b))) this.#row(name).show(list, t_us);
    const off = recent.map(([name]) => name).filter((name) => !live.some(([other]) => other === name));
    this.off.hidden = off.length === 0;
    setText(this.off, `No model, so switched off: ${off.sort().join(", ")}.`);
  }

  #judges(name, list) {
    return this.checks.get(name)?.model !== false || list.some((reading) => reading.llr_nats !== null);
  }

  #row(name) {
    const known = this.#rows.get(name);
    if (known) return known;
    const row = new Row(name, this.checks.get(name)?.about ?? "");
    this.#rows.set(name, row);
    const after = [...this.#rows.keys()].sort().indexOf(name);
    this.rows.insertBefore(row.element, this.rows.children[after] ?? null);
    return row;
  }
}

class Row {
  #spoken_ms = -SPOKEN_EVERY_MS;

  constructor(name, about) {
    this.name = name;
    this.canvas = h("canvas", { class: "strip", role: "img" });
    this.latest = h("span", { class: "latest" });
    this.why = h("span", { class: "why-now" });
    const label = h("span", { class: "check", title: about }, name);
    this.element = h("div", { class: "row", "data-check": name }, label, this.canvas, this.latest, this.why);
  }

  show(list, t_us) {
    const last = list.at(-1);
    setText(this.latest, last.llr_nats === null ? "–" : signed(last.llr_nats));
    this.latest.title = last.llr_nats === null ? "cannot judge" : "evidence of the latest window, in nats";
    setText(this.why, capital(last.why));
    this.why.title = last.why;
    this.#draw(list, t_us);
    if (performance.now() - this.#spoken_ms < SPOKEN_EVERY_MS) return;
    this.#spoken_ms = performance.now();
    this.canvas.setAttribute("aria-label", inWords(this.name, list));
  }

  #draw(list, t_us) {
    const width = Math.round(this.canvas.clientWidth * devicePixelRatio);
    const height = Math.round(HEIGHT * devicePixelRatio);
    if (!width) return;
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const context = this.canvas.getContext("2d");
    const { inks } = palette();
    context.clearRect(0, 0, width, height);
    context.fillStyle = inks.axis;
    context.fillRect(0, Math.round(height / 2), width, 1);
    const wide = Math.max((width * step_us(list)) / SPAN_US - devicePixelRatio, 1.5 * devicePixelRatio);
    for (const reading of list) {
      const right = width * (1 - (t_us - reading.end_us) / SPAN_US);
      mark(context, reading, right - wide, wide, height, inks);
    }
  }
}

/** How often a check speaks: the shortest step between its readings, so that gaps stay gaps. */
function step_us(list) {
  return list.slice(1).reduce((least, reading, k) => Math.min(least, reading.end_us - list[k].end_us), LONGEST_STEP_US);
}

function mark(context, reading, left, wide, height, inks) {
  const middle = height / 2;
  if (reading.llr_nats === null) {
    context.fillStyle = inks.unknown;
    context.beginPath();
    context.arc(left + wide / 2, middle, Math.min(wide / 2, 1.6 * devicePixelRatio), 0, 2 * Math.PI);
    context.fill();
    return;
  }
  const attack = reading.llr_nats > 0;
  const share = Math.sqrt(Math.min(Math.abs(reading.llr_nats) / FULL_NATS, 1)); // so that weak evidence is seen too
  const tall = Math.max(share * (middle - 1), 1.5 * devicePixelRatio);
  context.fillStyle = attack ? inks.attack : reading.llr_nats < 0 ? inks.against : inks.unknown;
  context.fillRect(left, attack ? middle - tall : middle, wide, tall);
}

function signed(nats) {
  return nats > 0 ? `+${number(nats)}` : number(nats);
}

function inWords(name, list) {
  const last = list.at(-1);
  const count = (test) => list.filter((reading) => test(reading.llr_nats)).length;
  const unknown = count((nats) => nats === null);
  const says = last.llr_nats === null ? "cannot judge" : `${signed(last.llr_nats)} nats`;
  return (
    `${name}, last minute: ${count((nats) => nats !== null && nats > 0)} for an attack, ${count((nats) => nats !== null && nats < 0)} against, ` +
    `${unknown} could not judge. At ${clock(last.end_s)}: ${says}, ${last.why}`
  );
}
