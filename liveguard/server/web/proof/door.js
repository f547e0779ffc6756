// The server's side of a proof: its few calls, with a key that lives in this object only.
import { address, ApiError } from "../api.js";

const TIMEOUT_MS = 15_000;

export class Door {
  #id;
  #key = null;

  constructor(id) {
    this.#id = encodeURIComponent(id);
  }

  /** Trades the token, which works once, for a key. @returns {Promise<{locale: string, kinds_possible: string[], too_much: string[][], consents: Object<string, string>, answer_s: number, ice_servers: object[]}>} */
  async redeem(id, token) {
    const { key, ...session } = await this.#post("redeem", { id, token });
    this.#key = key;
    return session;
  }

  /** @param {string} text which one was agreed to @param {string[]} cannot what is left out */
  consent(text, cannot) {
    return this.#post(`${this.#id}/consent`, { agreed: true, text, cannot });
  }

  /** @returns {Promise<{sdp: string}>} */
  offer(sdp, camera) {
    return this.#post(`${this.#id}/offer`, { sdp, camera });
  }

  /** A socket that is about to open. */
  socket() {
    const url = address(`live/${this.#id}`);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    return new WebSocket(url, ["liveguard.v1", `bearer.${this.#key}`]);
  }

  async #post(path, body) {
    const headers = { "Content-Type": "application/json", ...(this.#key && { Authorization: `Bearer ${this.#key}` }) };
    let answer, text;
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      answer = await fetch(address(`api/${path}`), { method: "POST", headers, signal, body: JSON.stringify(body) });
      text = await answer.text();
    } catch {
      throw new ApiError(0, "no answer");
    }
    const content = text ? parsed(text) : null;
    if (!answer.ok) throw new ApiError(answer.status, typeof content?.error === "string" ? content.error : "", waitOf(answer));
    return content;
  }
}

/** What Retry-After says, in seconds; null without it, and for a date, which it might be, too. */
function waitOf(answer) {
  const said = answer.headers.get("Retry-After");
  return /^\d+$/.test(said ?? "") ? Number(said) : null;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
