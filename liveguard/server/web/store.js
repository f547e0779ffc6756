// What is known of each session, and whether it is still true.
import { Emitter } from "./emitter.js";
import * as api from "./api.js";

const KEPT_US = 60_000_000;
const MOST_ALERTS = 100;
const MOST_SESSIONS = 200;
const STALE_MS = 3_000;

/**
 * @typedef {object} Entry
 * @property {any} session as the guard described it last
 * @property {any} tick the last one, or null
 * @property {number} heard_ms when something was heard of the feed itself, by performance.now()
 * @property {number} t_us how far the call has come
 * @property {any[]} statuses
 * @property {Map<string, Map<string, any[]>>} readings who -> check -> the last minute
 * @property {Map<string, any>} alerts
 * @property {boolean} listened whether its alerts are known from its beginning, or from our first look: what comes after is news
 */

/** Emits "sessions", "tick" (id), "readings" (id), "alerts" (id), "raised" ({alert, id}), "note" ({id, text}), "link". */
export class Store extends Emitter {
  /** @type {Map<string, Entry>} */
  entries = new Map();
  linked = false;
  #greeted = false;

  /** @param {import("./socket.js").Socket} socket */
  constructor(socket) {
    super();
    socket.on("message", (message) => this.#take(message));
    socket.on("down", () => this.#cut());
  }

  entry(id) {
    return this.entries.get(id) ?? null;
  }

  /** Takes in a session of the past that the guard has told us of on asking. */
  remember(session) {
    if (!this.entries.has(session.id)) this.#keepSession(session, false);
  }

  /** Asks for the alerts that were raised while we did not listen; those that are news, and stand, are told. */
  async fetchAlerts(id) {
    const { alerts } = await api.call("GET", `api/alerts?session=${encodeURIComponent(id)}&limit=${MOST_ALERTS}`);
    const entry = this.entries.get(id);
    if (!entry) return;
    const news = alerts.reverse().filter((alert) => entry.listened && !alert.cleared_at && !entry.alerts.has(alert.id));
    for (const alert of alerts) this.#keepAlert(entry, alert);
    entry.listened = true;
    this.emit("alerts", id);
    for (const alert of news) this.emit("raised", { id, alert });
  }

  #take(message) {
    const id = message.session;
    if (message.type === "hello") this.#hello(message.sessions);
    else if (message.type === "session") {
      this.#keepSession(message.session, true);
      this.emit("sessions");
    } else if (message.type === "tick") this.#tick(id, message);
    else if (message.type === "event") this.#event(id, message);
    else if (message.type === "feedback") this.#feedback(message);
  }

  /** The connection is there, for the first time or again: what happened without it must be asked for. */
  #hello(sessions) {
    this.linked = true;
    const live = new Set(sessions.map((session) => session.id));
    const ended = [...this.entries].filter(([id, entry]) => !live.has(id) && !entry.session.ended_at);
    for (const [, entry] of ended) entry.session = { ...entry.session, ended_at: "unknown", connected: false };
    sessions.forEach((session) => this.#keepSession(session, this.#greeted));
    this.#greeted = true;
    this.emit("link");
    this.emit("sessions");
    for (const id of [...live, ...ended.map(([id]) => id)]) this.fetchAlerts(id).catch(() => null); // gone again: the next hello asks
  }

  /** The connection is gone: nothing that was said is true any more. */
  #cut() {
    this.linked = false;
    for (const entry of this.entries.values()) entry.tick = null;
    this.emit("link");
  }

  /** @param {boolean} listened whether we listen since it began */
  #keepSession(session, listened) {
    const entry = this.entries.get(session.id);
    if (!entry) {
      const fresh = { session, tick: null, heard_ms: 0, t_us: 0, statuses: [], readings: new Map(), alerts: new Map(), listened };
      this.#makeRoom();
      this.entries.set(session.id, fresh);
    } else entry.session = session;
    const kept = this.entries.get(session.id);
    if (kept && !kept.tick && session.statuses?.length) {
      kept.statuses = session.statuses;
      kept.t_us = Math.max(kept.t_us, ...session.statuses.map((status) => status.t_us));
    }
  }

  /** Forgets the oldest session that has ended; the guard bounds how many go on. */
  #makeRoom() {
    if (this.entries.size < MOST_SESSIONS) return;
    const over = [...this.entries].find(([, entry]) => entry.session.ended_at);
    if (over) this.entries.delete(over[0]);
  }

  #tick(id, tick) {
    const entry = this.entries.get(id);
    if (!entry) return;
    entry.tick = tick;
    entry.statuses = tick.statuses;
    entry.t_us = tick.t_us;
    entry.heard_ms = performance.now();
    this.emit("tick", id);
  }

  #event(id, { event, alert }) {
    const entry = this.entries.get(id);
    if (!entry) return;
    if (event.type === "reading") this.#reading(entry, event);
    else if (event.type === "status") this.#status(entry, event);
    else if (event.type === "alert" && alert) {
      const known = entry.alerts.has(alert.id);
      this.#keepAlert(entry, alert);
      this.emit("alerts", id);
      if (event.state === "raised" && !known) this.emit("raised", { id, alert });
    } else if (event.type === "fault") this.emit("note", { id, text: `fault in ${event.where}: ${event.what}` });
    if (event.type === "reading") this.emit("readings", id);
  }

  #reading(entry, reading) {
    entry.heard_ms = performance.now();
    entry.t_us = Math.max(entry.t_us, reading.end_us);
    const who = reading.track === null ? "feed" : `face ${reading.track}`;
    const checks = entry.readings.get(who) ?? new Map();
    entry.readings.set(who, checks);
    const all = checks.get(reading.detector) ?? [];
    checks.set(reading.detector, [...all.filter((old) => old.end_us > reading.end_us - KEPT_US), reading]);
    for (const [other, theirs] of entry.readings)
      if (Math.max(...[...theirs.values()].map((list) => list.at(-1).end_us)) < entry.t_us - KEPT_US) entry.readings.delete(other);
  }

  #status(entry, status) {
    entry.t_us = Math.max(entry.t_us, status.t_us);
    if (entry.tick) return; // ticks say where everybody stands, and who has left
    entry.statuses = [...entry.statuses.filter((old) => old.participant !== status.participant), status];
  }

  /** An answer may be older than what was heard while it came: what is cleared stays so. */
  #keepAlert(entry, alert) {
    const known = entry.alerts.get(alert.id);
    entry.alerts.set(alert.id, { ...alert, cleared_at: alert.cleared_at ?? known?.cleared_at ?? null, feedback: alert.feedback ?? known?.feedback ?? null });
    if (entry.alerts.size > MOST_ALERTS) entry.alerts.delete(entry.alerts.keys().next().value);
  }

  #feedback({ alert: alertId, feedback }) {
    for (const [id, entry] of this.entries) {
      const alert = entry.alerts.get(alertId);
      if (!alert) continue;
      entry.alerts.set(alertId, { ...alert, feedback });
      this.emit("alerts", id);
    }
  }
}

/**
 * Why what is known of a session must not be shown as its present state; null while it may.
 * @param {Entry|null} entry
 * @returns {{state: "offline"|"waiting"|"ended", words: string}|null}
 */
export function outdated(entry, linked, now_ms = performance.now()) {
  if (entry?.session.ended_at) return { state: "ended", words: "the session has ended" };
  if (!linked) return { state: "offline", words: "no connection to the guard" };
  if (!entry) return { state: "waiting", words: "waiting for the guard" };
  if (!entry.session.connected) return { state: "offline", words: "the feed is not connected to the guard" };
  if (entry.heard_ms === 0) return { state: "waiting", words: "waiting for the first picture" };
  const silent_ms = now_ms - entry.heard_ms;
  if (silent_ms > STALE_MS) return { state: "offline", words: `nothing heard from the guard for ${Math.round(silent_ms / 1000)} s` };
  return null;
}
