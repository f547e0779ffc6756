// Runs one stimulus in the browser's own frames, and tells when its first frame was really seen.

/**
 * What a stimulus is: a function of the time since its first frame, so that nothing adds up.
 * @typedef {{at: (us: number) => void, end: () => void}} Stimulus
 */

const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Shows `stimulus` after `lead_ms`, for `lasts_us`, or until `signal` aborts; it is always ended.
 * @param {{stimulus: Stimulus, arrived_ms: number, lead_ms: number, lasts_us: number, signal: AbortSignal, onShown: (after_ms: number) => void}} run
 */
export async function runStep({ stimulus, arrived_ms, lead_ms, lasts_us, signal, onShown }) {
  try {
    await sleep(Math.max(arrived_ms + lead_ms - performance.now(), 0));
    if (signal.aborted) return;
    const start_ms = await frame();
    stimulus.at(0);
    let now_ms = await frame(); // what was drawn in one frame is on the screen when the next one begins
    if (signal.aborted) return;
    onShown(performance.now() - arrived_ms);
    while (!signal.aborted && 1_000 * (now_ms - start_ms) < lasts_us) {
      stimulus.at(1_000 * (now_ms - start_ms));
      now_ms = await frame();
    }
  } finally {
    stimulus.end();
  }
}
