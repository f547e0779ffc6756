// A hand that lies over a region of the face, as the person's own should, and goes away again.
import { h } from "../../dom.js";
import { REGIONS } from "../mirror.js";
import { hand } from "../svg.js";
import { t } from "../words.js";

/** Over `region` until `bare_us`; the person has until `covered_us` to do the same. */
export function occlusion(stage, { region, covered_us, bare_us }) {
  const { x, y } = REGIONS[region];
  const place = h("div", { class: "hand-place", "data-testid": "hand", "data-region": region }, hand());
  place.style.left = `${50 + 50 * x}%`;
  place.style.top = `${50 + 50 * y}%`;
  stage.oval.append(place);
  const words = t.step.occlusion;
  return {
    at(us) {
      place.dataset.away = String(us >= bare_us);
      stage.now(us >= bare_us ? words.away : us >= covered_us ? words.keep : words.cover);
    },
    end: () => place.remove(),
  };
}
