// Asking for the camera, and help where it is not to be had.
import { h } from "../../dom.js";
import { t } from "../words.js";
import { heading, primary, problem } from "./parts.js";

/** While the browser asks. */
export function asking(screen, sound) {
  screen.show("camera", () => [heading(t.camera.head), h("p", { class: "lead" }, sound ? t.camera.leadSound : t.camera.lead)]);
}

/** While the camera is asked what it can do. */
export function preparing(screen) {
  screen.show("preparing", () => [heading(t.camera.facts), h("div", { class: "busy", "aria-hidden": "true" })]);
}

/**
 * What went wrong; resolves with "again" or "mute".
 * @param {import("../screen.js").Screen} screen @param {{why: string, mute: boolean, byHand: boolean, tooFew: boolean}} about
 * `mute`: it may be done without a microphone; `byHand`: but then a person has to check.
 */
export function cameraHelp(screen, { why, mute, byHand, tooFew }) {
  return new Promise((resolve) =>
    screen.show("camera-help", () => {
      const [what, todo] = t.camera.trouble[why];
      return [
        heading(t.camera.helpHead),
        problem({ what, todo }),
        tooFew && problem(t.choices.tooFew),
        mute && byHand && h("p", { "data-testid": "by-hand" }, t.camera.muteByHand),
        h(
          "div",
          { class: "actions" },
          primary(t.camera.again, () => resolve("again"), "again"),
          mute && h("button", { type: "button", "data-testid": "mute", onclick: () => resolve("mute") }, t.camera.mute),
        ),
      ];
    }),
  );
}
