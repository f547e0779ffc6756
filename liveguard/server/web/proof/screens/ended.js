// Why there is no check, or no more of it.
import { h } from "../../dom.js";
import { t } from "../words.js";
import { heading, primary } from "./parts.js";
import { sign } from "./result.js";

const SIGNS = { stopped: "ended", left: "ended", late: "waiting", lost: "offline", unreachable: "offline", blocked: "offline", tab: "share" };
const MAY_RETRY = ["lost", "unreachable", "blocked"];

/**
 * Resolves when the person tries again; where that is of no use, never.
 * @param {import("../screen.js").Screen} screen
 * @param {{why: string, said?: {what: string, todo: string}|null}} about `said`: the server's own words, where it has some
 */
export function ended(screen, { why, said = null }) {
  return new Promise((resolve) =>
    screen.show("ended", () => {
      const words = t.ended[why];
      return [
        sign(SIGNS[why] ?? "cannot_judge"),
        heading(words.head),
        h("p", { class: "lead" }, said?.what ?? words.lead),
        h("p", { "data-why": why }, said?.todo || words.todo),
        MAY_RETRY.includes(why) && h("div", { class: "actions" }, primary(t.ended.again, resolve, "again")),
      ];
    }),
  );
}
