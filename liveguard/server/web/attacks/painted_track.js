// A video track of what is painted, instead of what the camera sees. Painted 30 times a second also where the picture
// stands still, as a canvas that is not painted sends nothing.
import { Ticker } from "./ticker.js";

const RATE_HZ = 30;

export class PaintedTrack {
  /**
   * @param {HTMLVideoElement} camera gives the size, and lives on meanwhile
   * @param {(context: CanvasRenderingContext2D, elapsed_s: number) => void} paint
   */
  constructor(camera, paint) {
    const canvas = Object.assign(document.createElement("canvas"), { width: camera.videoWidth, height: camera.videoHeight });
    const context = canvas.getContext("2d", { alpha: false });
    const start_ms = performance.now();
    const again = () => paint(context, (performance.now() - start_ms) / 1000);
    again(); // before it is captured, so that the first picture is not black
    [this.track] = canvas.captureStream().getVideoTracks();
    this.ticker = new Ticker(RATE_HZ, again);
  }

  stop() {
    this.ticker.stop();
    this.track.stop();
  }
}
