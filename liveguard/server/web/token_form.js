// Asks for the token of a guard that wants one.
import { setToken } from "./api.js";
import { h } from "./dom.js";

/** Resolves when the person has given a token; whether it is right shows when it is used. */
export function askForToken(place) {
  return new Promise((resolve) => {
    const input = h("input", { type: "password", id: "token", autocomplete: "off", required: true, "data-testid": "token" });
    const form = h(
      "form",
      { class: "intro", "data-testid": "token-form" },
      h("h2", {}, "The guard asks for a token"),
      h("p", {}, "It is in the link that `liveguard serve` printed when it started: open that link, or paste the part behind “#token=” here."),
      h("label", { class: "field", for: "token" }, h("span", {}, "Token"), input),
      h("button", { type: "submit", class: "primary" }, "Go on"),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      setToken(input.value.trim());
      form.remove();
      resolve();
    });
    place.append(form);
    input.focus();
  });
}
