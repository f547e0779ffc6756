// "Ask for proof": a link for somebody in the meeting, and what comes of it.
import * as api from "./api.js";
import { h, setItems, setText } from "./dom.js";
import { trouble } from "./trouble.js";

const LOOK_EVERY_MS = 2_000;
const STANDING = {
  waiting: "The link has not been opened yet.",
  redeemed: "The link was opened; the check has not begun yet.",
  running: "The check is going on.",
  expired: "The link was not used in time, or was guessed at: ask again.",
  erased: "The result was erased.",
};
const VERDICTS = {
  live: "A live person answered. Who that is, the check does not tell.",
  not_live: "Not passed: this does not look like a live person.",
  cannot_judge: "It could not be judged.",
};
const ABOUT = "Are you in doubt about somebody? Ask them for a check in their own browser. It tells whether somebody live answered there, and not who that is: to be sure of that, call them back on a number that you know.";
const SENDABLE = "Send this link to the person in the meeting’s chat, to them alone. It works once, for an hour. Their own page asks them for three small things; it takes about 20 seconds.";
const TO_REACH_OTHERS = "To ask somebody else, start the guard with --host, --tls-cert and --tls-key, or behind a proxy with --public-url (see its README), and open this page at the https address.";

/** Who can use a link. @param {URL} link */
export function reach({ protocol, hostname }) {
  if (/^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(hostname))
    return `Do not send this link: only this machine can open it, since it leads to ${hostname}. You can try the check here with it, once, within an hour. ${TO_REACH_OTHERS}`;
  if (protocol !== "https:") return `Do not send this link: browsers give no camera to a page without https. ${TO_REACH_OTHERS}`;
  return SENDABLE;
}

/** The text, with the options of the command line in it as such. */
function withOptions(text) {
  return text.split(/(--[a-z-]+)/).map((part) => (part.startsWith("--") ? h("code", { class: "option" }, part) : part));
}

export class ProofRequest {
  #timer = 0;
  #id = null;

  /** @param {{public_url: string|null}} info what the guard says of itself */
  constructor(info) {
    this.info = info;
    this.button = h("button", { type: "button", "data-testid": "ask-for-proof", onclick: () => this.#ask() }, "Ask somebody for proof");
    this.link = h("input", { type: "text", readonly: true, "aria-label": "Link for the person", "data-testid": "proof-link", onfocus: () => this.link.select() });
    this.copy = h("button", { type: "button", onclick: () => this.#copy() }, "Copy");
    this.reach = h("p", { "data-testid": "proof-reach" });
    this.standing = h("p", { role: "status", "data-testid": "proof-standing" });
    this.reasons = h("ul", { class: "why" });
    this.report = h("button", { type: "button", hidden: true, onclick: () => this.#save() }, "Save the signed report");
    this.asked = h(
      "div",
      { class: "inside", hidden: true },
      this.reach,
      h("div", { class: "devices" }, this.link, this.copy),
      this.standing,
      this.reasons,
      this.report,
    );
    this.element = h("section", { class: "intro", "aria-label": "Proof" }, h("p", { class: "sub" }, ABOUT), this.button, this.asked);
  }

  close() {
    clearTimeout(this.#timer);
  }

  async #ask() {
    this.button.disabled = true;
    try {
      const made = await api.call("POST", "api/kyc/sessions", { locale: navigator.language });
      this.#id = made.id;
      // Unless it was told, the server's own name for itself may be one that only its machine knows: then the person comes by
      // the name that we came by.
      const link = this.info.public_url ? new URL(made.url) : api.address(`proof/${new URL(made.url).hash}`);
      this.link.value = link.href;
      this.reach.replaceChildren(...withOptions(reach(link)));
      this.asked.hidden = false;
      this.report.hidden = true;
      setItems(this.reasons, []);
      this.link.focus();
      clearTimeout(this.#timer);
      await this.#look();
    } catch (error) {
      this.asked.hidden = false;
      const { what, todo } = trouble(error);
      setText(this.standing, `${what} ${todo}`);
    }
    this.button.disabled = false;
  }

  async #look() {
    const known = await api.call("GET", `api/kyc/sessions/${this.#id}`).catch(() => null);
    if (known) setText(this.standing, known.state === "done" ? VERDICTS[known.verdict] : STANDING[known.state]);
    if (known?.state === "done") {
      setItems(this.reasons, known.reasons);
      this.report.hidden = false;
    } else if (!known || ["waiting", "redeemed", "running"].includes(known.state)) {
      this.#timer = setTimeout(() => this.#look(), LOOK_EVERY_MS);
    }
  }

  async #copy() {
    await navigator.clipboard?.writeText(this.link.value).catch(() => this.link.select());
  }

  /** By fetch, as a new window would not bring the server's token along. */
  async #save() {
    const headers = api.getToken() ? { Authorization: `Bearer ${api.getToken()}` } : {};
    const answer = await fetch(api.address(`api/kyc/sessions/${this.#id}/report`), { headers });
    const file = h("a", { href: URL.createObjectURL(await answer.blob()), download: `proof-${this.#id}.json` });
    file.click();
    URL.revokeObjectURL(file.href);
  }
}
