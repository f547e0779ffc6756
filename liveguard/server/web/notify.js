// Telling the person of an alert: a sound, a notification of the desktop, the title, and the live regions.
import { h, setText } from "./dom.js";
import { icon } from "./icons.js";
import { capital, clock, whoWords } from "./words.js";

const TITLE = document.title;
const TONES_HZ = [880, 660, 880];
const TONE_S = 0.14;
const PRESSES = ["pointerup", "click", "keydown"]; // after which browsers let sound begin; a finger's pointerdown is none

export class Notifier {
  #audio = null;
  #sound = true;

  constructor(info) {
    this.info = info;
    this.element = h("div", { class: "notify" }, this.#soundButton(), this.#desktopButton() ?? "");
    // Each press, as not every one is enough, and the system may stop the sound again, as it does for a telephone call.
    for (const press of PRESSES) addEventListener(press, () => this.#wake());
  }

  alert(alert) {
    const text = `${whoWords(alert.who)}: ${this.info.hypotheses[alert.hypothesis] ?? alert.hypothesis}`;
    // With its time, so that it is read out even where the one before it was the same.
    setText(document.getElementById("say-now"), `Alert at ${clock(alert.t_s)}. ${text}. To settle it, ${alert.settle}.`);
    if (this.#sound) this.#beep();
    if (window.Notification?.permission === "granted") this.#desktop(alert.id, text, alert.settle);
  }

  /** Politely, for screen readers. */
  say(text) {
    setText(document.getElementById("say-politely"), text);
  }

  /** How many alerts stand; the tab's title shows it. */
  standing(count) {
    document.title = count ? `(${count}) ALERT · ${TITLE}` : TITLE;
  }

  #desktop(id, text, settle) {
    try {
      new Notification("liveguard: alert", { body: `${text}.\n${capital(settle)}.`, tag: id });
    } catch {
      // Phones only let service workers notify; sound and title have to do there.
    }
  }

  async #wake() {
    this.#audio ??= new AudioContext();
    if (this.#audio.state !== "running") await this.#audio.resume().catch(() => null); // not yet allowed: the next press
  }

  #beep() {
    if (this.#audio?.state !== "running") return;
    TONES_HZ.forEach((hz, k) => {
      const start_s = this.#audio.currentTime + k * TONE_S * 1.3;
      const tone = new OscillatorNode(this.#audio, { frequency: hz, type: "triangle" });
      const loudness = new GainNode(this.#audio, { gain: 0 });
      loudness.gain.setValueAtTime(0, start_s);
      loudness.gain.linearRampToValueAtTime(0.25, start_s + 0.01);
      loudness.gain.linearRampToValueAtTime(0, start_s + TONE_S);
      tone.connect(loudness).connect(this.#audio.destination);
      tone.start(start_s);
      tone.stop(start_s + TONE_S);
    });
  }

  #soundButton() {
    const words = h("span");
    const button = h("button", { type: "button", class: "quiet", id: "sound", "data-testid": "sound", "aria-pressed": "true", title: "A sound with each alert" });
    const show = () => {
      words.textContent = this.#sound ? "Alert sound on" : "Alert sound off";
      button.setAttribute("aria-pressed", String(this.#sound));
      button.replaceChildren(icon(this.#sound ? "sound" : "sound_off"), words);
    };
    button.addEventListener("click", () => {
      this.#sound = !this.#sound;
      show();
      if (this.#sound) this.#wake().then(() => this.#beep());
    });
    show();
    return button;
  }

  #desktopButton() {
    if (!window.Notification || Notification.permission !== "default") return null;
    const button = h("button", { type: "button", class: "quiet", id: "desktop", "data-testid": "desktop" }, icon("bell"), h("span", {}, "Notify on the desktop"));
    button.addEventListener("click", async () => {
      const answer = await Notification.requestPermission();
      if (answer === "granted") this.say("Alerts will also be shown on the desktop.");
      if (answer !== "default") button.remove();
    });
    return button;
  }
}
