// One guarded session on the screen: the picture with what is seen in it, a card for each participant, the alerts.
import { AlertList } from "./alerts.js";
import { Card } from "./card.js";
import { h, setText } from "./dom.js";
import { icon } from "./icons.js";
import { Overlay } from "./overlay.js";
import { outdated } from "./store.js";
import { drawThumb } from "./thumbs.js";
import { capital, clock, number, stateWords } from "./words.js";

const REFRESH_MS = 250;
const CHARTS_MS = 1_000;
const FACE = /^face (\d+)$/;
const MANY = 4; // cards, of which one is the whole feed's: from so many on they go below the picture, side by side
const CHART_KEY = "Charts: the last 60 s of each check. Bars up speak for an attack, bars down against one, dots could not judge.";

/**
 * @typedef {object} Picture what is looked at: an element, and the size of what it shows
 * @property {HTMLVideoElement|HTMLCanvasElement} element
 * @property {() => number[]} size
 */

export class Room {
  #cards = new Map();
  #charts_ms = 0;
  #offs = [];
  #release = null;
  #session = null;

  /** @param {{store: any, socket: any, info: any, picture: Picture, boxes?: boolean, preview?: boolean, excuse?: () => string|null}} parts */
  constructor(parts) {
    Object.assign(this, parts);
    this.overlay = new Overlay();
    this.overlay.boxes = Boolean(parts.boxes);
    this.meter = h("p", { class: "meter", "data-testid": "meter" });
    this.bar = h("div", { class: "bar" }, this.#meshButton());
    this.note = h("p", { class: "stage-note", "data-testid": "stage-note" });
    this.stage = h("div", { class: "stage" }, parts.picture.element, this.overlay.element, this.note);
    this.cards = h("div", { class: "cards", "data-testid": "cards" });
    this.alerts = new AlertList(parts.info);
    this.alerts.show(new Map(), false);
    this.side = h("div", { class: "side" }, this.alerts.element);
    this.below = h("div", { class: "below" });
    this.element = h(
      "div",
      { class: "room", "data-testid": "room" },
      h("div", { class: "left" }, this.stage, this.bar, this.meter),
      this.below,
      h("div", { class: "right" }, this.side, this.cards, h("p", { class: "key" }, CHART_KEY)),
    );
    this.#offs = [
      this.store.on("tick", (id) => id === this.#session && this.#tick()),
      this.store.on("alerts", (id) => id === this.#session && this.#showAlerts()),
      this.store.on("sessions", () => this.entry && this.#showAlerts()),
      this.store.on("link", () => this.#link()),
    ];
    this.timer = setInterval(() => this.#refresh(), REFRESH_MS);
    this.#refresh();
  }

  /** The session to show; another one after the guard has forgotten the first. */
  follow(id) {
    if (id === this.#session) return;
    this.#session = id;
    this.#release?.();
    this.#release = this.socket.subscribe(id, { mesh: true, readings: true, preview: Boolean(this.preview) });
    this.#fetch();
  }

  close() {
    clearInterval(this.timer);
    this.#release?.();
    this.#offs.forEach((off) => off());
    this.element.remove();
  }

  get entry() {
    return this.#session ? this.store.entry(this.#session) : null;
  }

  /** The box of the first face that is a person, in shares of the picture; null where there is none. */
  faceBox() {
    const tick = this.entry?.tick;
    const face = tick?.faces.find((one) => !one.picture);
    if (!face || !tick.size || this.#old()) return null;
    const [width, height] = tick.size;
    return [face.box[0] / width, face.box[1] / height, face.box[2] / width, face.box[3] / height];
  }

  #old() {
    const excuse = this.excuse?.();
    return excuse ? { state: "waiting", words: excuse } : outdated(this.entry, this.store.linked);
  }

  /** Of a session that goes on the store itself asks what was missed. */
  #link() {
    if (this.store.linked && this.entry && !this.entry.listened) this.#fetch();
    this.#refresh();
  }

  async #fetch() {
    if (!this.entry) return;
    try {
      await this.store.fetchAlerts(this.#session);
    } catch {
      // The guard is gone again: the link is watched, and we ask once more when it is back.
    }
  }

  #tick() {
    if (this.#old()) return;
    this.overlay.draw(this.entry.tick, (who) => this.#standing(who));
  }

  #standing(who) {
    const state = this.entry.statuses.find((status) => status.participant === who)?.state ?? "waiting";
    return { state, words: stateWords(state, this.info) };
  }

  #refresh() {
    const entry = this.entry;
    const old = this.#old();
    if (old || !entry?.tick) this.overlay.clear();
    setText(this.note, old ? capital(old.words) : "");
    this.element.toggleAttribute("data-ended", old?.state === "ended");
    this.#showCards(entry, old);
    this.#showMeter(entry, old);
    if (performance.now() - this.#charts_ms < CHARTS_MS) return;
    this.#charts_ms = performance.now();
    for (const [who, card] of this.#cards) card.charts.show(entry?.readings.get(who) ?? new Map(), entry?.t_us ?? 0);
  }

  #showAlerts() {
    this.alerts.show(this.entry.alerts, Boolean(this.entry.session.ended_at));
  }

  #showCards(entry, old) {
    const people = (entry?.tick?.faces ?? []).filter((face) => !face.picture).map((face) => `face ${face.track}`);
    const said = (entry?.statuses ?? []).map((status) => status.participant);
    const all = [...new Set(["feed", ...said, ...people])].sort((a, b) => order(a) - order(b));
    for (const [who, card] of this.#cards)
      if (!all.includes(who)) {
        card.element.remove();
        this.#cards.delete(who);
      }
    this.element.toggleAttribute("data-many", all.length >= MANY);
    all.forEach((who, k) => {
      const card = this.#cards.get(who) ?? new Card(who, this.info);
      this.#cards.set(who, card);
      const place = who === "feed" ? this.side : this.cards;
      if (place.children[who === "feed" ? 1 : k - 1] !== card.element) place.insertBefore(card.element, who === "feed" ? null : (place.children[k - 1] ?? null));
      card.show(entry?.statuses.find((status) => status.participant === who), old);
      this.#thumb(card, entry, old);
    });
  }

  #thumb(card, entry, old) {
    if (!card.thumb) return;
    const face = old ? null : entry?.tick?.faces.find((one) => `face ${one.track}` === card.who);
    if (face) drawThumb(card.thumb, this.picture.element, this.picture.size(), face.box, entry.tick.size);
  }

  #showMeter(entry, old) {
    if (old || !entry?.tick) {
      const at = entry?.t_us ? `${clock(entry.t_us / 1e6)} · ` : "";
      setText(this.meter, `${at}${old?.words ?? "waiting for the guard"}`);
      return;
    }
    const { rate_hz, age_ms, size } = entry.tick;
    if (!size) {
      setText(this.meter, `${clock(entry.t_us / 1e6)} · no picture`);
      return;
    }
    const faces = entry.tick.faces.length;
    const age = age_ms === null ? "" : ` · picture age ${number(age_ms)} ms`;
    const judged = `up to ${number(rate_hz)} pictures a second judged`;
    setText(this.meter, `${clock(entry.t_us / 1e6)} · ${faces === 1 ? "1 face" : `${faces} faces`} followed · ${judged}${age}`);
  }

  #meshButton() {
    const button = h("button", { type: "button", class: "tool", "aria-pressed": "true", "data-testid": "mesh-toggle" }, icon("mesh"), h("span", {}, "Mesh"));
    button.addEventListener("click", () => {
      this.overlay.mesh = !this.overlay.mesh;
      button.setAttribute("aria-pressed", String(this.overlay.mesh));
    });
    return button;
  }
}

/** The feed first, then the faces by number, then all those that are not followed. */
function order(who) {
  return who === "feed" ? 0 : Number(FACE.exec(who)?.[1] ?? Infinity);
}
