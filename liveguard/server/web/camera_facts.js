// What can be learned about a camera by asking it for another size: a real one has it, and takes time to change to it.

// Nearly every camera has this size of its own. Others would be scaled by the browser at once, which says nothing.
const PROBES = [{ width: 640, height: 480, frameRate: 30 }];
const NATIVE = { resizeMode: { exact: "none" } };
const ONE_MS = 1_000;

/**
 * Label, settings and a short probe of `track`; afterwards it has the `wanted` constraints again.
 * Never takes much more than 2 s, and never throws.
 */
export async function cameraFacts(track, wanted) {
  const facts = { label: track.label.slice(0, 200), settings: shape(track.getSettings()), probes: [] };
  if (!navigator.mediaDevices.getSupportedConstraints().resizeMode) return facts; // the browser would scale
  for (const asked of PROBES) facts.probes.push(await probe(track, asked));
  await within(track.applyConstraints(wanted), ONE_MS);
  return facts;
}

async function probe(track, asked) {
  const start_ms = performance.now();
  await within(track.applyConstraints({ ...asked, ...NATIVE }), ONE_MS);
  const response_ms = Math.round(10 * (performance.now() - start_ms)) / 10;
  return { asked: shape(asked), got: shape(track.getSettings()), response_ms };
}

/** Waits for a promise, but not for long, and whatever comes of it: a refusal is an answer too. */
async function within(promise, most_ms) {
  let timer = 0;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, most_ms)));
  await Promise.race([promise.catch(() => null), late]);
  clearTimeout(timer);
}

function shape({ width = null, height = null, frameRate = null }) {
  return { width, height, frame_rate: frameRate };
}
