// The order of things: open the link, choose and agree, see oneself, be led through the check, see the result.
import { ApiError } from "../api.js";
import { cameraFacts } from "../camera_facts.js";
import { cameras, CameraTrouble, openCamera, WANTED_VIDEO } from "./camera.js";
import { Door } from "./door.js";
import { asEnding, Ending, isBusy } from "./ending.js";
import { Feed } from "./feed.js";
import { Lead } from "./lead.js";
import { asking, cameraHelp, preparing } from "./screens/allow.js";
import { choices, leavesTooMuch } from "./screens/choices.js";
import { ended } from "./screens/ended.js";
import { preview } from "./screens/preview.js";
import { judging, result } from "./screens/result.js";
import { opening, welcome } from "./screens/welcome.js";
import { Stage } from "./stage.js";
import { openElsewhere } from "./tabs.js";
import { Wire } from "./wire.js";
import { t } from "./words.js";

const OFFERS = 4; // to a server that has no place, or starts anew
const WAIT_S = 3; // between them, unless it says how long
const LONGEST_WAIT_S = 20; // for more than that nobody is kept waiting without being asked

export class Flow {
  #session = null;
  #cannot = new Set();
  #ticks = { on: false };
  #device = "";
  #open = []; // what has to be closed at the end of an attempt, the last first
  #agreed = false;
  #text = ""; // which one they agreed to
  #interrupt = () => null;
  #interrupted = null;
  #leave = () => null; // tells the server that the person stops
  #led = false; // the server leads: it tells when the time is up
  #tries = 0; // scripts that the server has begun

  /**
   * @param {{id: string, token: string}|null} link
   * @param {{screen: import("./screen.js").Screen, top: import("./top.js").Top, onLocale: (locale: string) => void}} page
   */
  constructor(link, page) {
    this.link = link;
    this.door = link && new Door(link.id);
    Object.assign(this, page);
  }

  /** Ends when nothing more can be done on this page. */
  async run() {
    const elsewhere = this.link && (await openElsewhere(this.link.id));
    for (let from = elsewhere ? "elsewhere" : "welcome"; ; ) {
      const came = await this.#attempt(from);
      this.top.offer({ stop: false, language: true });
      this.top.end();
      if (came instanceof Ending) {
        await this.#ended(came);
        from = this.#agreed ? "check" : this.#session ? "choices" : "welcome";
      } else await result(this.screen, came); // the last word
      this.top.resume();
    }
  }

  stop() {
    this.#leave();
    this.#interrupt(new Ending(this.#session ? "stopped" : "left"));
  }

  late() {
    if (!this.#led) this.#interrupt(new Ending("late"));
  }

  /** Resolves when the person tries again. A server that had begun waits for that so long and no longer. */
  #ended(came) {
    const again = came.passes && this.#tries < (this.#session?.attempts ?? 1);
    const pressed = ended(this.screen, came, again);
    if (!again || this.#tries === 0) return pressed;
    const missed = setTimeout(() => ended(this.screen, new Ending("late"), false), 1_000 * this.#session.return_s);
    return pressed.finally(() => clearTimeout(missed));
  }

  /** What the server said last, or an Ending. Whatever was opened is closed again. */
  async #attempt(from) {
    this.#interrupted = new Promise((_, reject) => (this.#interrupt = reject));
    this.#interrupted.catch(() => null);
    try {
      return await this.#way(from);
    } catch (error) {
      return asEnding(error);
    } finally {
      this.#led = false;
      this.#leave = () => null;
      this.#close();
    }
  }

  /** What a promise comes to, unless the person stops or the time is up: everything that is waited for goes through here. */
  #or(promise) {
    return Promise.race([promise, this.#interrupted]);
  }

  async #way(from) {
    this.top.offer({ stop: true, language: true });
    if (from === "elsewhere") throw new Ending("tab");
    if (!this.link) throw new Ending("incomplete");
    if (from === "welcome") await this.#begin();
    if (from !== "check") await this.#agree();
    this.top.offer({ stop: true, language: false });
    for (;;) {
      const { stream, stage } = await this.#see();
      try {
        return await this.#check(stream, stage);
      } catch (error) {
        if (!(error instanceof CameraTrouble)) throw error;
        this.#close();
        await this.#or(cameraHelp(this.screen, { why: error.why, mute: false, byHand: false, tooFew: false }));
      }
    }
  }

  /** The link is traded for a key only when the person goes on: a link that was merely looked at stays good. */
  async #begin() {
    await this.#or(welcome(this.screen));
    opening(this.screen);
    this.#session = await this.#or(this.door.redeem(this.link.id, this.link.token));
    this.onLocale(this.#session.locale);
    this.top.countDown(this.#session.answer_s);
  }

  async #agree() {
    for (let tooFew = false; ; tooFew = true) {
      const { kinds_possible: kinds, too_much: tooMuch, consents } = this.#session;
      this.#text = await this.#or(choices(this.screen, { kinds, cannot: this.#cannot, tooMuch, consents, tooFew }));
      if (await this.#consented()) return;
    }
  }

  /** Whether enough is left to do. */
  async #consented() {
    try {
      await this.#or(this.door.consent(this.#text, [...this.#cannot]));
      return (this.#agreed = true);
    } catch (error) {
      if (error instanceof ApiError && error.status === 400) return false;
      throw error;
    }
  }

  /** Camera and microphone, for the person to see; another camera as often as they like. */
  async #see() {
    for (;;) {
      const stream = await this.#stream();
      preparing(this.screen);
      const [track] = stream.getVideoTracks();
      this.facts = await this.#or(cameraFacts(track, WANTED_VIDEO));
      const stage = new Stage(stream);
      const ticks = this.#may("rhythm", "no_blinks") ? this.#ticks : null;
      const device = track.getSettings().deviceId ?? "";
      const other = await this.#or(preview(this.screen, { stage, cameras: await cameras(), device, ticks }));
      if (other === null) return { stream, stage };
      this.#device = other;
      this.#close();
    }
  }

  async #stream() {
    for (;;) {
      const sound = this.#may("digits", "no_speech");
      asking(this.screen, sound);
      try {
        return await this.#or(this.#keep(openCamera({ sound, device: this.#device }), this.#interrupted));
      } catch (error) {
        if (!(error instanceof CameraTrouble)) throw error;
        if (error.why === "OverconstrainedError") this.#device = "";
        await this.#help(error.why, sound && ["NoMicrophone", "NotAllowedSound"].includes(error.why));
      }
    }
  }

  /** The stream, to be stopped at the end; at once where the person allowed the camera after they had stopped. */
  async #keep(opening, interrupted) {
    const stream = await opening;
    const stop = () => stream.getTracks().forEach((track) => track.stop());
    this.#open.push(stop);
    interrupted.catch(stop);
    return stream;
  }

  async #help(why, mute) {
    let tooFew = false;
    const byHand = leavesTooMuch(this.#session.too_much, new Set([...this.#cannot, "no_speech"]));
    while ((await this.#or(cameraHelp(this.screen, { why, mute, byHand, tooFew }))) === "mute") {
      this.#cannot.add("no_speech");
      if (await this.#consented()) return;
      this.#cannot.delete("no_speech");
      [mute, tooFew] = [false, true];
    }
  }

  #may(kind, need) {
    return this.#session.kinds_possible.includes(kind) && !this.#cannot.has(need);
  }

  async #check(stream, stage) {
    stage.place();
    const feed = new Feed(stream, this.#session.ice_servers);
    this.#open.push(() => feed.close());
    await this.#or(Promise.race([feed.connect((sdp) => this.#offer(sdp, stage)), gone(stream)]));
    const wire = new Wire(this.door.socket());
    let lead = this.#lead(stage, wire, feed);
    this.#open.push(() => wire.close());
    this.#leave = () => wire.send({ type: "stop" });
    await this.#or(Promise.race([Promise.all([wire.opened(), stage.seen()]), lead.done, gone(stream)]));
    this.#led = true;
    for (;;) {
      wire.send({ type: "ready" });
      this.#tries += 1;
      const done = await this.#or(Promise.race([lead.done, gone(stream)]));
      if (!done.retry || !(await this.#or(this.#again(done, wire)))) return { ...done, retry: false };
      lead.close();
      lead = this.#lead(stage, wire, feed);
      this.top.resume();
      this.screen.show("preview", () => [stage.element]);
      stage.place();
      await this.#or(stage.play());
    }
  }

  /** The answer to an offer. A server that is busy is asked again, a few times and when it says. */
  async #offer(sdp, stage) {
    let over = false;
    this.#open.push(() => (over = true));
    for (let left = OFFERS - 1; ; left -= 1) {
      try {
        return await this.door.offer(sdp, this.facts);
      } catch (error) {
        const wait_s = error.wait_s ?? WAIT_S;
        if (!isBusy(error) || left === 0 || wait_s > LONGEST_WAIT_S) throw error;
        stage.suggest(t.placing.busy);
        await new Promise((resolve) => setTimeout(resolve, 1_000 * wait_s));
        if (over) throw error;
        stage.suggest(t.placing.connecting);
      }
    }
  }

  #lead(stage, wire, feed) {
    const lead = new Lead({ stage, wire, feed, onJudging: () => this.#judged() });
    this.#open.push(() => lead.close());
    return lead;
  }

  #judged() {
    this.top.end();
    judging(this.screen);
  }

  /**
   * Whether the person tries again, over the same connection; not when the server does not wait for it any longer. In the
   * language that they have agreed in.
   */
  #again(done, wire) {
    this.top.end();
    const lost = new Promise((resolve) => wire.on("lost", () => resolve(false)));
    return Promise.race([result(this.screen, done).then(() => true), lost]);
  }

  #close() {
    for (const close of this.#open.reverse()) close();
    this.#open = [];
  }
}

/** Rejects when a device is unplugged or taken away. */
function gone(stream) {
  const ended = (track) => new Promise((_, reject) => track.addEventListener("ended", () => reject(new CameraTrouble("gone"))));
  return Promise.race(stream.getTracks().map(ended));
}
