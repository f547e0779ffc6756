// The language of the page. `t` is a live binding: whoever imports it reads the words of the language chosen last.
import de from "./words.de.js";
import en from "./words.en.js";

const ALL = { de, en };

export let t = en;

/** The first of some locales ("de-AT", "en") that there are words for; English otherwise. */
export function known(locales) {
  const codes = locales.filter(Boolean).map((locale) => String(locale).toLowerCase().split(/[-_]/)[0]);
  return codes.find((code) => Object.hasOwn(ALL, code)) ?? "en";
}

/** Speaks a language from now on. What is on the screen already has to be made anew. */
export function speak(code) {
  t = ALL[code];
  document.documentElement.lang = code;
}

/** The language that is not spoken now, for the button that changes it. */
export function other() {
  return t === en ? de : en;
}
