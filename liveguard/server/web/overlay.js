// Draws over the picture what the guard sees in it: the mesh of each face, its number and its state.
import { MESH_LINES } from "./mesh_lines.js";
import { palette } from "./palette.js";

const POINTS = 478;
const FULL = 65_535;
const STRONG = ["face_oval", "left_eyebrow", "right_eyebrow", "left_eye", "right_eye", "left_iris", "right_iris", "lips"];
const FAINT = ["tesselation", "nose"];

/** Where a picture of `size` lies in a box that shows all of it (object-fit: contain). */
function placed(size, width, height) {
  const scale = Math.min(width / size[0], height / size[1]);
  const shown = [size[0] * scale, size[1] * scale];
  return { left: (width - shown[0]) / 2, top: (height - shown[1]) / 2, width: shown[0], height: shown[1] };
}

export class Overlay {
  mesh = true;
  boxes = false;

  constructor() {
    this.element = document.createElement("canvas");
    this.element.className = "overlay";
    this.element.setAttribute("aria-hidden", "true"); // the cards say all of it in words
    this.#watch();
  }

  clear() {
    this.element.getContext("2d").clearRect(0, 0, this.element.width, this.element.height);
  }

  /**
   * @param {any} tick
   * @param {(who: string) => {state: string, words: string}} standing
   */
  draw(tick, standing) {
    const { width, height } = this.element;
    const context = this.element.getContext("2d");
    context.clearRect(0, 0, width, height);
    if (!width || !tick.size?.[0]) return; // a feed of sound only has no picture
    const place = placed(tick.size, width, height);
    const ratio = devicePixelRatio;
    for (const face of tick.faces) {
      const { state, words } = face.picture ? { state: "waiting", words: "a picture in the room" } : standing(`face ${face.track}`);
      const colour = palette()[state];
      const box = scaled(face.box, tick.size, place);
      if (this.mesh && face.mesh) this.#drawMesh(context, points(face.mesh), place, colour, ratio);
      if (this.boxes || !this.mesh || !face.mesh) outline(context, box, colour, state, ratio);
      label(context, `${face.track}  ${words}`, box, colour, ratio, place);
    }
  }

  #drawMesh(context, xy, place, colour, ratio) {
    const draw = (names) => {
      context.beginPath();
      for (const name of names)
        for (const trail of MESH_LINES[name]) {
          trail.forEach((k, step) => {
            const x = place.left + (xy[2 * k] / FULL) * place.width;
            const y = place.top + (xy[2 * k + 1] / FULL) * place.height;
            if (step) context.lineTo(x, y);
            else context.moveTo(x, y);
          });
        }
      context.stroke();
    };
    context.lineJoin = "round";
    context.lineWidth = 0.7 * ratio;
    context.strokeStyle = "rgb(255 255 255 / 38%)";
    draw(FAINT);
    context.lineWidth = 1.4 * ratio;
    context.strokeStyle = colour.line;
    draw(STRONG);
  }

  #watch() {
    new ResizeObserver(() => {
      const { clientWidth, clientHeight } = this.element;
      this.element.width = Math.round(clientWidth * devicePixelRatio);
      this.element.height = Math.round(clientHeight * devicePixelRatio);
    }).observe(this.element);
  }
}

/** 478 x (x, y) as 16-bit integers from base64. */
function points(base64) {
  const text = atob(base64);
  const bytes = new DataView(Uint8Array.from(text, (char) => char.charCodeAt(0)).buffer);
  return Uint16Array.from({ length: 2 * POINTS }, (_, k) => bytes.getUint16(2 * k, true));
}

function scaled([left, top, width, height], size, place) {
  const scale = place.width / size[0];
  return { x: place.left + left * scale, y: place.top + top * scale, w: width * scale, h: height * scale };
}

function outline(context, { x, y, w, h }, colour, state, ratio) {
  context.lineWidth = (state === "alert" ? 4 : 2) * ratio;
  context.strokeStyle = colour.line;
  context.setLineDash(state === "cannot_judge" || state === "waiting" ? [6 * ratio, 5 * ratio] : []);
  context.beginPath();
  context.roundRect(x, y, w, h, 8 * ratio);
  context.stroke();
  context.setLineDash([]);
}

function label(context, text, box, colour, ratio, place) {
  context.font = `600 ${12 * ratio}px system-ui, sans-serif`;
  const width = context.measureText(text).width + 12 * ratio;
  const height = 20 * ratio;
  const x = Math.min(Math.max(box.x, place.left), place.left + place.width - width);
  const y = Math.max(box.y - height - 4 * ratio, place.top);
  context.fillStyle = colour.solid;
  context.beginPath();
  context.roundRect(x, y, width, height, 4 * ratio);
  context.fill();
  context.fillStyle = "#fff";
  context.textBaseline = "middle";
  context.fillText(text, x + 6 * ratio, y + height / 2 + ratio / 2);
}
