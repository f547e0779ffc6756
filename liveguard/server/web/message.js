// A message to the person: what happened, and what to do.
import { h } from "./dom.js";
import { icon } from "./icons.js";

/** An element that is hidden until `show({what, todo})`. `tone`: "problem" or "hint". */
export function messageBox() {
  const element = h("div", { class: "message", role: "alert", hidden: true, "data-testid": "message" });
  return {
    element,
    show({ what, todo }, tone = "problem") {
      element.dataset.tone = tone;
      element.replaceChildren(icon(tone === "problem" ? "suspicious" : "cannot_judge"), h("p", {}, h("b", {}, what), " ", todo));
      element.hidden = false;
    },
    hide() {
      element.hidden = true;
    },
  };
}
