// A soft tick, for whoever wants to hear the beat.

const TONE_HZ = 880;
const LASTS_S = 0.06;
const LOUDNESS = 0.12;

let context = null;

/** Switches ticks on or off. Browsers want this to come of a press. */
export function allowTicks(on) {
  context?.close();
  context = on && window.AudioContext ? new AudioContext() : null;
}

export function tick(loud = 1) {
  if (!context) return;
  const gain = new GainNode(context, { gain: LOUDNESS * loud });
  const tone = new OscillatorNode(context, { frequency: TONE_HZ * (loud < 1 ? 0.75 : 1) });
  tone.connect(gain).connect(context.destination);
  gain.gain.setTargetAtTime(0, context.currentTime, LASTS_S / 3);
  tone.start();
  tone.stop(context.currentTime + 3 * LASTS_S);
}
