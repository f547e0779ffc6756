// The colours of the states for what is drawn on canvas; the style sheet has the same ones as variables.

const STATES = ["genuine", "suspicious", "alert", "cannot_judge", "waiting", "offline", "ended"];
let known = null;

/** Of each state a `line` that shows on pictures and a `solid` that white text can be read on; and the page's inks. */
export function palette() {
  known ??= read();
  return known;
}

/** The theme has changed: ask anew. */
export function forgetPalette() {
  known = null;
}

function read() {
  const style = getComputedStyle(document.documentElement);
  const value = (name) => style.getPropertyValue(name).trim();
  const states = STATES.map((state) => [state, { line: value(`--${state}-line`), solid: value(`--${state}-solid`) }]);
  const inks = { against: value("--genuine-ink"), attack: value("--alert-ink"), unknown: value("--cannot_judge-ink"), axis: value("--rule") };
  return { ...Object.fromEntries(states), inks };
}
