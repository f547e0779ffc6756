// A dot that the person follows with the nose.
import { h } from "../../dom.js";
import { noseInMirror, ownSide } from "../mirror.js";
import { eased } from "../motion.js";
import { t } from "../words.js";

const TRAVEL_US = 700_000; // then it rests until the next target
const WIDEST_DEG = 26; // this much is at the edge of the page
const HIGHEST_DEG = 16; // and this much at the edge of the mirror
const MARGIN_PX = 30;

/** To each of `targets` ("yaw,pitch ..."), one every `each_us`. */
export function pose(stage, { targets, each_us }) {
  const ways = targets.split(" ").map((target) => target.split(",").map(Number));
  const dot = h("div", { class: "dot", "data-testid": "dot" });
  stage.field.append(dot);
  put(dot, stage, { x: 0, y: 0 });
  const places = [[0, 0], ...ways];
  return {
    at(us) {
      const k = Math.min(Math.floor(us / each_us), ways.length - 1);
      const share = eased(us, k * each_us, k * each_us + TRAVEL_US);
      const [yaw, pitch] = [0, 1].map((axis) => places[k][axis] + share * (places[k + 1][axis] - places[k][axis]));
      put(dot, stage, noseInMirror(yaw, pitch));
      stage.now(t.step.pose[ownSide(ways[k][0])]);
    },
    end: () => dot.remove(),
  };
}

/** Around the middle of the mirror, as wide as the page: a nose that points to the edge of a laptop has turned some 25°. */
function put(dot, stage, { x, y }) {
  const field = stage.field.getBoundingClientRect();
  const mirror = stage.mirror.getBoundingClientRect();
  const middle = { x: mirror.left + mirror.width / 2 - field.left, y: mirror.top + mirror.height / 2 - field.top };
  const wide = Math.min(middle.x, field.width - middle.x) - MARGIN_PX;
  const high = mirror.height / 2 - MARGIN_PX;
  dot.style.transform = `translate(${middle.x + (x / WIDEST_DEG) * wide}px, ${middle.y + (y / HIGHEST_DEG) * high}px)`;
}
