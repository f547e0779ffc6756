// The view "Sessions": all feeds that are or were guarded, whoever publishes them; one of them opened.
import * as api from "./api.js";
import { Badge } from "./badge.js";
import { h, setText } from "./dom.js";
import { icon } from "./icons.js";
import { messageBox } from "./message.js";
import { Preview } from "./preview.js";
import { Room } from "./room.js";
import { outdated } from "./store.js";
import { trouble } from "./trouble.js";
import { stateWords, worst } from "./words.js";

const REFRESH_MS = 1_000;
const KINDS = { webcam: "webcam", meeting: "meeting", whip: "WHIP" };

export class SessionsView {
  #rows = new Map();
  #past = new Map();
  #open = null;
  #shown = false;

  constructor(app) {
    this.app = app;
    this.message = messageBox();
    this.list = h("ul", { class: "session-list", "data-testid": "session-list" });
    this.detail = h("div", { class: "detail", "data-testid": "detail" });
    this.element = h("div", { class: "view" }, this.message.element, h("div", { class: "intro slim" }, h("h2", {}, "Sessions"), this.list, howToPublish(app.info.publish_token)), this.detail);
    app.store.on("sessions", () => this.#show());
    app.store.on("link", () => this.#shown && app.store.linked && this.#fetch());
    setInterval(() => this.#shown && this.#show(), REFRESH_MS);
  }

  /** The view has come to the front, or left it: what nobody looks at is not sent. */
  visible(shown) {
    this.#shown = shown;
    if (shown) this.#fetch();
    else this.#close();
  }

  async #fetch() {
    try {
      const { sessions } = await api.call("GET", "api/sessions");
      this.#past = new Map(sessions.map((session) => [session.id, session]));
      this.message.hide();
    } catch (error) {
      this.message.show(trouble(error));
    }
    this.#show();
  }

  #show() {
    for (const [id, entry] of this.app.store.entries) this.#past.set(id, entry.session);
    const all = [...this.#past.values()].sort((a, b) => Number(Boolean(a.ended_at)) - Number(Boolean(b.ended_at)) || b.started_at.localeCompare(a.started_at));
    for (const session of all) {
      const row = this.#rows.get(session.id) ?? new SessionRow(session, () => this.#toggle(session.id));
      this.#rows.set(session.id, row);
      row.show(session, this.#state(session), this.#open?.id === session.id, this.app.info);
    }
    const wanted = all.map((session) => this.#rows.get(session.id).element);
    if (wanted.length === 0) wanted.push(this.empty ??= h("li", { class: "sub", "data-testid": "no-sessions" }, "Nothing is being guarded. Start your webcam, share a meeting, or publish a feed as told below."));
    if (wanted.length !== this.list.children.length || wanted.some((element, k) => this.list.children[k] !== element)) this.list.replaceChildren(...wanted);
    if (this.#open) this.#open.end.hidden = Boolean(this.#past.get(this.#open.id)?.ended_at);
  }

  #state(session) {
    if (session.ended_at) return "ended";
    const entry = this.app.store.entry(session.id);
    if (!this.app.store.linked) return "offline";
    if (!session.connected) return "offline";
    const old = entry?.heard_ms ? outdated(entry, true) : null; // a feed may send sound only, or nothing we asked for
    return old?.state ?? worst((entry?.statuses ?? session.statuses).map((status) => status.state));
  }

  #toggle(id) {
    const same = this.#open?.id === id;
    this.#close();
    if (!same) this.#enter(id);
    this.#show();
  }

  #enter(id) {
    const { app } = this;
    const session = this.#past.get(id);
    app.store.remember(session);
    const preview = new Preview(app.socket, id);
    const room = new Room({ ...app, preview: true, boxes: session.kind === "meeting", picture: { element: preview.element, size: () => preview.size } });
    const end = h("button", { type: "button", class: "tool danger", "data-testid": "end-session", onclick: () => this.#endSession(id) }, icon("stop"), h("span", {}, "End this session"));
    room.bar.prepend(end);
    room.follow(id);
    this.#open = { id, room, preview, end };
    this.detail.replaceChildren(h("h2", {}, session.participant), room.element);
  }

  async #endSession(id) {
    try {
      await api.call("DELETE", `api/sessions/${encodeURIComponent(id)}`);
    } catch (error) {
      this.message.show(trouble(error));
    }
  }

  #close() {
    this.#open?.room.close();
    this.#open?.preview.close();
    this.#open = null;
    this.detail.replaceChildren();
  }
}

class SessionRow {
  #badge = new Badge();
  #about = h("span", { class: "sub" });

  constructor(session, onOpen) {
    this.button = h("button", { type: "button", class: "session", "data-session": session.id, "data-testid": "session", onclick: onOpen }, h("b", {}, session.participant), this.#about, this.#badge.element);
    this.element = h("li", {}, this.button);
  }

  show(session, state, open, info) {
    this.button.dataset.state = state;
    this.button.setAttribute("aria-expanded", String(open));
    const began = new Date(session.started_at);
    const simulated = session.simulation ? " · simulated attack" : "";
    setText(this.#about, `${KINDS[session.kind] ?? session.kind} · since ${began.toLocaleString([], { dateStyle: "short", timeStyle: "short" })}${simulated}`);
    this.#badge.show(state, state === "offline" && !session.connected ? "not connected" : stateWords(state, info));
  }
}

/** `token` opens WHIP and nothing else; null where none is needed. */
function howToPublish(token) {
  const address = copyable(api.address("whip/NAME").href, "whip-url");
  const key = [h("p", {}, "and with this bearer token, with which one can publish and do nothing else. Give nobody the link of this page for that:"), copyable(token, "publish-token")];
  return h(
    "details",
    { class: "how", "data-testid": "whip-how" },
    h("summary", {}, "Publish a feed by WHIP (OBS, GStreamer, a browser)"),
    h(
      "div",
      { class: "inside" },
      h("p", {}, "Send it to this address, with a name of your choice in place of NAME (letters, digits, dot, dash, underscore):"),
      address,
      ...(token ? key : []),
      h("p", { class: "sub" }, "In OBS: Settings, Stream, Service WHIP, Server as above."),
    ),
  );
}

/** A text in one line, with a button that copies it. */
function copyable(text, name) {
  const code = h("code", { "data-testid": name }, text);
  const said = h("span", { class: "sub", role: "status" });
  const copy = h("button", { type: "button", class: "small", "data-testid": `copy-${name}` }, icon("copy"), h("span", {}, "Copy"));
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      setText(said, "Copied.");
    } catch {
      getSelection().selectAllChildren(code);
      setText(said, "Selected: copy it with the keyboard or the menu.");
    }
  });
  return h("p", { class: "copyable" }, code, copy, said);
}
