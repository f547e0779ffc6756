// The guard's events: a WebSocket that comes back by itself and remembers who listens to what.
import { address, getToken } from "./api.js";
import { Emitter } from "./emitter.js";

const FIRST_MS = 500;
const LONGEST_MS = 8_000;
const NOTHING = { mesh: false, preview: false, readings: false };

/** Emits "up", "down", "message" (an object) and "preview" ({session, t_us, size, jpeg}). */
export class Socket extends Emitter {
  #socket = null;
  #wait_ms = FIRST_MS;
  #timer = 0;
  #wants = new Map(); // session -> set of what somebody wants of it
  up = false;

  open() {
    clearTimeout(this.#timer);
    if (this.#socket) return;
    const url = address("api/events");
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const token = getToken();
    try {
      this.#socket = new WebSocket(url, token ? ["liveguard.v1", `bearer.${token}`] : ["liveguard.v1"]);
    } catch {
      this.#lost(); // a token that is no valid word of the protocol
      return;
    }
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onmessage = ({ data }) => (typeof data === "string" ? this.#text(data) : this.#binary(data));
    this.#socket.onclose = () => this.#lost();
    addEventListener("online", () => this.open(), { once: true });
  }

  /** Asks for more about a session than its state; returns a function that takes the wish back. */
  subscribe(session, wants) {
    const all = this.#wants.get(session) ?? new Set();
    this.#wants.set(session, all);
    const wish = { ...NOTHING, ...wants };
    all.add(wish);
    this.#ask(session);
    return () => {
      if (all.delete(wish)) this.#ask(session);
      if (all.size === 0 && this.#wants.get(session) === all) this.#wants.delete(session);
    };
  }

  #ask(session) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return; // everything is asked for when it opens
    const wishes = [...(this.#wants.get(session) ?? [])];
    const any = (what) => wishes.some((wish) => wish[what]);
    const message = { type: "subscribe", session, mesh: any("mesh"), preview: any("preview"), readings: any("readings") };
    this.#socket.send(JSON.stringify(message));
  }

  #text(data) {
    const message = JSON.parse(data);
    if (message.type === "hello") {
      this.#wait_ms = FIRST_MS;
      this.up = true;
      for (const session of this.#wants.keys()) this.#ask(session);
      this.emit("up");
    }
    this.emit("message", message);
  }

  #binary(data) {
    const length = new DataView(data).getUint32(0);
    const head = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
    this.emit("preview", { ...head, jpeg: new Uint8Array(data, 4 + length) });
  }

  #lost() {
    this.#socket = null;
    this.up = false;
    this.emit("down");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.open(), this.#wait_ms);
    this.#wait_ms = Math.min(2 * this.#wait_ms, LONGEST_MS);
  }
}
