// The last seconds of a picture, small: what a loop is made of. Kept in this tab, and only while the panel is open.
import { Ticker } from "./ticker.js";

export const LOOP_S = 5;
const RATE_HZ = 30;
const WIDTH = 480;

export class Ring {
  #kept = []; // { picture, at_s } in the order of time
  #ticker = null;

  /** @param {HTMLVideoElement} video */
  constructor(video) {
    this.video = video;
  }

  get full() {
    return this.seconds >= LOOP_S - 2 / RATE_HZ;
  }

  get seconds() {
    return this.#kept.length < 2 ? 0 : this.#kept.at(-1).at_s - this.#kept[0].at_s;
  }

  record() {
    this.#ticker ??= new Ticker(RATE_HZ, () => this.#keep());
  }

  /** Stops recording; what has been recorded stays. */
  pause() {
    this.#ticker?.stop();
    this.#ticker = null;
  }

  clear() {
    this.pause();
    this.#kept = [];
  }

  /** The picture that is shown `elapsed_s` after the loop began, in the rhythm in which it was recorded: a busy tab keeps
   * fewer pictures, and they must not run faster for it. */
  at(elapsed_s) {
    const begin_s = this.#kept[0].at_s;
    const wanted_s = begin_s + (elapsed_s % (this.seconds + 1 / RATE_HZ));
    return this.#kept.findLast(({ at_s }) => at_s <= wanted_s).picture;
  }

  #keep() {
    const { videoWidth, videoHeight } = this.video;
    if (!videoWidth) return;
    const at_s = performance.now() / 1000;
    const old = this.#kept[0] && at_s - this.#kept[0].at_s >= LOOP_S ? this.#kept.shift() : null;
    const picture = old?.picture ?? document.createElement("canvas"); // used again, so that none has to be collected
    const height = Math.round((WIDTH * videoHeight) / videoWidth);
    if (picture.width !== WIDTH || picture.height !== height) Object.assign(picture, { width: WIDTH, height });
    picture.getContext("2d", { alpha: false }).drawImage(this.video, 0, 0, WIDTH, height);
    this.#kept.push({ picture, at_s });
  }
}
