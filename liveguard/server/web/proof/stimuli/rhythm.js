// A ring that closes on each beat.
import { h } from "../../dom.js";
import { calm } from "../motion.js";
import { tick } from "../tick.js";
import { t } from "../words.js";

const CLOSES_US = 800_000; // how long before a beat its ring is first seen
const NOW_US = 250_000; // how long after a beat it is still said to be now
const WIDEST = 1.5; // of the oval

/** A ring for each of `beats_us`, and pips that count them. */
export function rhythm(stage, { action, beats_us }) {
  const beats = beats_us.split(" ").map(Number);
  const ring = h("div", { class: "ring", "data-testid": "ring" });
  const pips = beats.map(() => h("i"));
  const counted = h("span", { class: "counted" });
  stage.oval.append(ring);
  const count = h("span", { class: "beats" }, counted, h("span", { class: "pips" }, ...pips));
  stage.large.append(count);
  const words = t.step.rhythm;
  let done = 0;
  let counts = 3;
  return {
    at(us) {
      while (done < beats.length && us >= beats[done]) {
        pips[done].dataset.done = "";
        done += 1;
        tick();
      }
      const now = done > 0 && us < beats[done - 1] + NOW_US;
      const left_us = (beats[done] ?? Infinity) - us;
      ring.dataset.now = String(now);
      ring.style.transform = `scale(${now ? 1 : widthAt(left_us)})`;
      ring.style.opacity = String(now ? 1 : Math.min(Math.max(1.1 - left_us / CLOSES_US, 0), 1));
      // Three counts lead to the first beat.
      const left = done > 0 ? 0 : Math.min(Math.ceil((3 * left_us) / beats[0]), 3);
      if (left > 0 && left < counts) tick(0.5);
      counts = Math.min(counts, left);
      counted.textContent = now ? words.now[action] : left > 0 ? String(left) : "";
    },
    end() {
      ring.remove();
      count.remove();
    },
  };
}

function widthAt(left_us) {
  const share = Math.min(left_us / CLOSES_US, 1);
  return calm() ? 1 : 1 + (WIDEST - 1) * share;
}
