// Large digits to be read aloud; the one whose turn it is stands out, but all are there from the start.
import { h } from "../../dom.js";
import { sayNow } from "../say.js";
import { t } from "../words.js";

const REST_US = 800_000; // at the end, for the last one's sound

export function digits(stage, params) {
  const all = params.digits.split(" ");
  const each_us = (params.lasts_us - REST_US) / all.length;
  const items = all.map((digit) => h("b", { class: "digit" }, digit));
  const list = h("span", { class: "digits", "data-testid": "digits" }, ...items);
  let said = false;
  return {
    at(us) {
      if (!said) {
        said = true;
        stage.large.append(list);
        sayNow(t.step.digits.say(all.join(", ")));
      }
      const turn = Math.min(Math.floor(us / each_us), all.length - 1);
      items.forEach((item, k) => (item.dataset.turn = String(k === turn)));
    },
    end: () => list.remove(),
  };
}
