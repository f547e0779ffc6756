// Telling those who do not see the screen.
const SETTLED_MS = 700;

const politely = document.getElementById("say-politely");
const now = document.getElementById("say-now");
let timer = 0;

/** At once, whatever else is being said: what to do now. */
export function sayNow(text) {
  clearTimeout(timer);
  now.textContent = text;
}

/** When it has stayed for a moment and nothing else is being said: hints come and go too fast to be read out each. */
export function sayPolitely(text) {
  clearTimeout(timer);
  timer = setTimeout(() => {
    if (politely.textContent !== text) politely.textContent = text;
  }, SETTLED_MS);
}
