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
 * @param {{verdict: "live"|"not_live"|"cannot_judge", reasons?: string[], retry?: boolean}} done
 */
export function result(screen, { verdict, reasons = [], retry = false }) {
  return new Promise((resolve) =>
    screen.show("result", () => {
      const words = t.result[verdict];
      const head = [sign(SIGNS[verdict]), heading(words.head), h("p", { class: "lead" }, words.lead)];
      if (verdict === "live") return [...head, h("p", {}, words.close)];
      return [
        ...head,
        reasons.length > 0 && h("h2", {}, t.result.noted),
        reasons.length > 0 && h("ul", { "data-testid": "reasons", lang: "en" }, ...reasons.map((reason) => h("li", {}, reason))),
        h("h2", {}, t.result.help),
        h("ul", {}, ...t.result.tips.map((tip) => h("li", {}, tip))),
        h("div", { class: "actions" }, h("p", {}, retry ? t.result.tryAgain : t.result.newLink), retry && primary(t.result.again, resolve, "again")),
      ];
    }),
  );
}

/** A large sign; what it means is said in the heading. */
export function sign(name) {
  return h("div", { class: "sign", "data-sign": name, "aria-hidden": "true" }, icon(name));
}
