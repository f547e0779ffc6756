// How things move on the screen.

const CALM = matchMedia("(prefers-reduced-motion: reduce)");

/** Whether the person has asked the system for less motion. */
export function calm() {
  return CALM.matches;
}

/** 0..1 for a time within [start, end], slow at both ends; for whoever wants less motion, in one step. */
export function eased(now, start, end) {
  if (calm()) return now >= start ? 1 : 0;
  const share = Math.min(Math.max((now - start) / (end - start), 0), 1);
  return share * share * (3 - 2 * share);
}
