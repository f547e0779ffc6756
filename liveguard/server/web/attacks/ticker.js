/** Calls `tick` so many times a second until `stop`, also while the tab is hidden. */
export class Ticker {
  constructor(rate_hz, tick) {
    this.worker = new Worker(new URL("ticker_worker.js", import.meta.url));
    this.worker.onmessage = () => tick();
    this.worker.postMessage(1000 / rate_hz);
  }

  stop() {
    this.worker.terminate();
  }
}
