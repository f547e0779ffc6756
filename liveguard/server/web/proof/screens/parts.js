// What the screens of text are made of.
import { h } from "../../dom.js";
import { icon } from "../../icons.js";

/** A screen's heading; it gets the focus when the screen appears. */
export function heading(text) {
  return h("h1", { tabindex: -1 }, text);
}

export function primary(text, onclick, testid) {
  return h("button", { type: "button", class: "primary", "data-testid": testid, onclick }, text);
}

/** What went wrong and what to do; read out when it appears. */
export function problem({ what, todo }, testid = "problem") {
  return h("div", { class: "problem", role: "alert", "data-testid": testid }, icon("suspicious"), h("p", {}, h("b", {}, what), " ", todo));
}
