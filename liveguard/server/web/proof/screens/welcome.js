// The first screen: what will happen, what is kept, and that nothing has begun.
import { h } from "../../dom.js";
import { t } from "../words.js";
import { heading, primary } from "./parts.js";

/** Resolves when the person wants to go on. @param {import("../screen.js").Screen} screen */
export function welcome(screen) {
  return new Promise((resolve) =>
    screen.show("welcome", () => {
      const words = t.welcome;
      return [
        heading(words.head),
        h("p", { class: "lead" }, words.lead),
        h("h2", {}, words.happens),
        h("ol", {}, ...words.steps.map((step) => h("li", {}, step))),
        h("h2", {}, words.stored),
        h("p", {}, words.storedIs, " ", h("b", {}, words.storedNot), " ", words.goes(location.host)),
        h("h2", {}, words.before),
        h("p", {}, words.tips),
        h("div", { class: "actions" }, h("p", { class: "sub" }, words.time), primary(words.go, resolve, "go")),
        h("p", { class: "sub" }, words.unexpected),
      ];
    }),
  );
}

/** While the link is being opened. */
export function opening(screen) {
  screen.show("opening", () => [heading(t.welcome.opening)]);
}
