// Why there is no check, or no more of it.
import { h } from "../../dom.js";
import { t } from "../words.js";
import { heading, primary } from "./parts.js";
import { sign } from "./result.js";

const SIGNS = { stopped: "ended", left: "ended", late: "waiting", busy: "waiting", lost: "offline", unreachable: "offline", blocked: "offline", tab: "share" };

/**
 * Resolves when the person tries again; where that is of no use, never.
 * @param {import("../screen.js").Screen} screen
 * @param {import("../ending.js").Ending} ending
 * @param {boolean} again whether another try may help
 */
export function ended(screen, { why, said, passes }, again) {
  return new Promise((resolve) =>
    screen.show("ended", () => {
      const words = t.ended[why];
      return [
        sign(SIGNS[why] ?? "cannot_judge"),
        heading(words.head),
        h("p", { class: "lead" }, said?.what ?? words.lead),
        h("p", { "data-why": why }, said?.todo || (passes && !again ? t.ended.used : words).todo),
        again && h("div", { class: "actions" }, primary(t.ended.again, resolve, "again")),
      ];
    }),
  );
}
