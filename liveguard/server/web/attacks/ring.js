// The last seconds of a picture, small: what a loop is made of. Kept in this tab, and only while the panel is open.
import { Ticker } from "./ticker.js";

export const LOOP_S = 5;
const RATE_HZ = 15;
const WIDTH = 640;

export class Ring {
  #pictures = [];
  #next = 0;
  #ticker = null;

  /** @param {HTMLVideoElement} video */
  constructor(video) {
    this.video = video;
  }

  get full() {
    return this.#pictures.length === LOOP_S * RATE_HZ;
  }

  get seconds() {
    return this.#pictures.length / RATE_HZ;
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
    this.#pictures = [];
    this.#next = 0;
  }

  /** The picture that is shown `elapsed_s` after the loop began, at the pace at which it was recorded. */
  at(elapsed_s) {
    return this.#pictures[(this.#next + Math.floor(elapsed_s * RATE_HZ)) % this.#pictures.length];
  }

  #keep() {
    const { videoWidth, videoHeight } = this.video;
    if (!videoWidth) return;
    const picture = this.#pictures[this.#next] ?? document.createElement("canvas");
    const height = Math.round((WIDTH * videoHeight) / videoWidth);
    if (picture.width !== WIDTH || picture.height !== height) Object.assign(picture, { width: WIDTH, height });
    picture.getContext("2d", { alpha: false }).drawImage(this.video, 0, 0, WIDTH, height);
    this.#pictures[this.#next] = picture;
    this.#next = (this.#next + 1) % (LOOP_S * RATE_HZ);
  }
}
