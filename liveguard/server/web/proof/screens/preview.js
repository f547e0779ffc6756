// The person sees themself, and nothing is sent yet.
import { h } from "../../dom.js";
import { allowTicks } from "../tick.js";
import { t } from "../words.js";
import { primary } from "./parts.js";

/**
 * Resolves with null when the person begins, or with the id of another camera that they have chosen.
 * @param {import("../screen.js").Screen} screen
 * @param {{stage: import("../stage.js").Stage, cameras: {deviceId: string, label: string}[], device: string, ticks: {on: boolean}|null}} about
 */
export function preview(screen, { stage, cameras, device, ticks }) {
  return new Promise((resolve) => {
    const words = t.preview;
    const begin = () => {
      if (ticks) allowTicks(ticks.on);
      stage.foot.replaceChildren();
      resolve(null);
    };
    stage.instruct(words.head, { hint: `${words.lead} ${words.help}` });
    stage.foot.replaceChildren(
      ...[cameras.length > 1 && which(cameras, device, resolve), ticks && sound(ticks), primary(words.go, begin, "begin")].filter(Boolean),
    );
    screen.show("preview", () => [stage.element]);
  });
}

function which(cameras, device, onChosen) {
  const options = cameras.map(({ deviceId, label }, k) =>
    h("option", { value: deviceId, selected: deviceId === device }, label || t.preview.nth(k + 1)),
  );
  const select = h("select", { "data-testid": "cameras", onchange: () => onChosen(select.value) }, ...options);
  return h("label", { class: "pick" }, h("span", {}, t.preview.which), select);
}

function sound(ticks) {
  const box = h("input", { type: "checkbox", checked: ticks.on, "data-testid": "ticks", onchange: () => (ticks.on = box.checked) });
  return h("label", { class: "pick" }, box, h("span", {}, t.preview.tick));
}
