// How it came out.
import { h } from "../../dom.js";
import { icon } from "../../icons.js";
import { t } from "../words.js";
import { heading, primary } from "./parts.js";

const SIGNS = { live: "genuine", not_live: "cannot_judge", cannot_judge: "cannot_judge" };

/** While the server works it out. */
export function judging(screen) {
  screen.show("judging", () => [h("div", { class: "busy", "aria-hidden": "true" }), heading(t.judging.head), h("p", { class: "lead" }, t.judging.lead)]);
}

/**
 * Resolves when the person tries again; where they may not, never.
 * @param {import("../screen.js").Screen} screen
 * @param {{verdict: "live"|"not_live"|"cannot_judge", hints?: string[], retry?: boolean}} done
 */
export function result(screen, { verdict, hints = [], retry = false }) {
  return new Promise((resolve) =>
    screen.show("result", () => {
      const words = t.result[verdict];
      const head = [sign(SIGNS[verdict]), heading(words.head), h("p", { class: "lead" }, words.lead)];
      const known = hints.map((hint) => t.result.hints[hint]).filter(Boolean);
      if (verdict === "live") return [...head, h("p", {}, words.close)];
      return [
        ...head,
        h("h2", {}, t.result.help),
        h("ul", { "data-testid": "hints" }, ...(known.length > 0 ? known : t.result.tips).map((tip) => h("li", {}, tip))),
        h("div", { class: "actions" }, h("p", {}, retry ? t.result.tryAgain : t.result.newLink), retry && primary(t.result.again, resolve, "again")),
      ];
    }),
  );
}

/** A large sign; what it means is said in the heading. */
export function sign(name) {
  return h("div", { class: "sign", "data-sign": name, "aria-hidden": "true" }, icon(name));
}
