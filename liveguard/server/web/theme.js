// Light, dark, or what the system says.
import { h } from "./dom.js";
import { icon } from "./icons.js";

const ORDER = ["auto", "light", "dark"];
const KEY = "liveguard-theme";

/** A button that goes through the themes. `onChange` is called when colours have changed. */
export function themeButton(onChange) {
  const words = h("span");
  const sign = h("span", { class: "sign" });
  const button = h("button", { type: "button", class: "quiet", id: "theme", "data-testid": "theme" }, sign, words);
  const show = () => {
    const now = document.documentElement.dataset.theme ?? "auto";
    sign.replaceChildren(icon(now === "auto" ? "half" : now === "dark" ? "moon" : "sun"));
    words.textContent = now === "auto" ? "System" : now === "dark" ? "Dark" : "Light";
    button.setAttribute("aria-label", `Colours: ${words.textContent}. Change`);
  };
  button.addEventListener("click", () => {
    const next = ORDER[(ORDER.indexOf(document.documentElement.dataset.theme ?? "auto") + 1) % ORDER.length];
    if (next === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    remember(next);
    show();
    onChange();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", onChange);
  show();
  return button;
}

function remember(theme) {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
}
