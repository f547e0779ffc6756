// What the person cannot do, and whether they agree.
import { h } from "../../dom.js";
import { kindSign } from "../svg.js";
import { t } from "../words.js";
import { heading, primary, problem } from "./parts.js";

/** What a kind is left out for; the names are the server's. */
const NEEDS = {
  light: "no_flashes",
  pose: "no_head_turns",
  occlusion: "no_hands",
  rhythm: "no_blinks",
  digits: "no_speech",
  distance: "no_moving",
};

/**
 * Resolves when the person agrees; `cannot` (a Set of needs) is changed as they tick.
 * @param {import("../screen.js").Screen} screen @param {{kinds: string[], cannot: Set<string>, tooFew?: boolean}} about
 */
export function choices(screen, { kinds, cannot, tooFew = false }) {
  return new Promise((resolve) =>
    screen.show("choices", () => {
      const words = t.choices;
      return [
        heading(words.head),
        h("p", { class: "lead" }, words.lead),
        tooFew && problem(words.tooFew),
        h("fieldset", {}, h("legend", {}, words.legend), ...kinds.filter((kind) => kind in NEEDS).map((kind) => choice(kind, cannot))),
        h(
          "div",
          { class: "actions" },
          h("p", { class: "consent" }, kinds.includes("digits") ? words.consent : words.consentMute),
          primary(words.agree, resolve, "agree"),
        ),
      ];
    }),
  );
}

function choice(kind, cannot) {
  const need = NEEDS[kind];
  const [name, what] = t.choices[kind];
  const changed = ({ target }) => (target.checked ? cannot.add(need) : cannot.delete(need));
  const id = `need-${need}`;
  const box = h("input", { type: "checkbox", id, "data-testid": id, checked: cannot.has(need), "aria-describedby": `${id}-what`, onchange: changed });
  const words = h("span", {}, h("b", {}, name), h("span", { class: "sub", id: `${id}-what` }, what));
  return h("label", { class: "choice", for: id }, box, words, kindSign(kind));
}
