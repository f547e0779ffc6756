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
 * Resolves when the person agrees, to which of the server's texts they did; `cannot` (a Set of needs) is changed as they tick.
 * @param {import("../screen.js").Screen} screen
 * @param {{kinds: string[], cannot: Set<string>, tooMuch: string[][], consents: Object<string, string>, tooFew?: boolean}} about
 */
export function choices(screen, { kinds, cannot, tooMuch, consents, tooFew = false }) {
  return new Promise((resolve) =>
    screen.show("choices", () => {
      const words = t.choices;
      const warning = h("div");
      const warn = () => {
        const due = leavesTooMuch(tooMuch, cannot);
        if (due !== warning.hasChildNodes()) warning.replaceChildren(...(due ? [problem(words.byHand, "by-hand")] : []));
      };
      warn();
      const text = `${t.lang}.${kinds.includes("digits") ? "sound" : "picture"}`;
      return [
        heading(words.head),
        h("p", { class: "lead" }, words.lead),
        tooFew && problem(words.tooFew),
        h("fieldset", {}, h("legend", {}, words.legend), ...kinds.filter((kind) => kind in NEEDS).map((kind) => choice(kind, cannot, warn))),
        warning,
        h(
          "div",
          { class: "actions" },
          h("p", { class: "consent" }, consents[text]),
          primary(words.agree, () => resolve(text), "agree"),
        ),
      ];
    }),
  );
}

/**
 * Whether so much is left out that a person has to check. @param {string[][]} tooMuch sets of needs, each of which is
 * @param {Set<string>} cannot
 */
export function leavesTooMuch(tooMuch, cannot) {
  return tooMuch.some((needs) => needs.every((need) => cannot.has(need)));
}

function choice(kind, cannot, onChange) {
  const need = NEEDS[kind];
  const [name, what] = t.choices[kind];
  const changed = ({ target }) => {
    if (target.checked) cannot.add(need);
    else cannot.delete(need);
    onChange();
  };
  const id = `need-${need}`;
  const box = h("input", { type: "checkbox", id, "data-testid": id, checked: cannot.has(need), "aria-describedby": `${id}-what`, onchange: changed });
  const words = h("span", {}, h("b", {}, name), h("span", { class: "sub", id: `${id}-what` }, what));
  return h("label", { class: "choice", for: id }, box, words, kindSign(kind));
}
