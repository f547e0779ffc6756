// An oval that grows, and shrinks back, for the face to fill.
import { eased } from "../motion.js";
import { t } from "../words.js";

const GROWS_US = 900_000;

/** `nearer` times as large from the start, for the person to be there at `near_us`; as it was from `back_us` on. */
export function distance(stage, { nearer, near_us, back_us }) {
  const words = t.step.distance;
  return {
    at(us) {
      const grown = eased(us, 0, GROWS_US) - eased(us, back_us, back_us + GROWS_US);
      stage.oval.style.transform = `translate(-50%, -50%) scale(${1 + (nearer - 1) * grown})`;
      stage.now(us >= back_us ? words.back : us >= near_us ? words.keep : words.closer);
    },
    end: () => (stage.oval.style.transform = ""),
  };
}
