// Runs one stimulus in the browser's own frames, and tells when its first frame was really seen.

/**
 * What a stimulus is: a function of the time since its first frame, so that nothing adds up.
 * @typedef {{at: (us: number) => void, end: () => void}} Stimulus
 */

const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

/**
 * Shows `stimulus` at once, for `lasts_us`, or until `signal` aborts; it is always ended.
 * @param {{stimulus: Stimulus, lasts_us: number, signal: AbortSignal, onShown: () => void}} run
 */
export async function runStep({ stimulus, lasts_us, signal, onShown }) {
  try {
    const start_ms = await frame();
    stimulus.at(0);
    let now_ms = await frame(); // what was drawn in one frame is on the screen when the next one begins
    if (signal.aborted) return;
    onShown();
    while (!signal.aborted && 1_000 * (now_ms - start_ms) < lasts_us) {
      stimulus.at(1_000 * (now_ms - start_ms));
      now_ms = await frame();
    }
  } finally {
    stimulus.end();
  }
}
