// What is painted in each attack on the picture: functions (context, elapsed_s).

const FACE_PX = 40; // width to which the face is reduced
const FLICKER_HZ = 5;
const FLICKER_SHARE = 0.06; // small: nobody is to be dazzled

/** The picture of now, again and again. */
export function still(source, width, height) {
  const kept = Object.assign(document.createElement("canvas"), { width, height });
  cover(kept.getContext("2d", { alpha: false }), source, width, height);
  return (context) => context.drawImage(kept, 0, 0);
}

/** What the ring has kept, from its oldest picture on, round and round. @param {import("./ring.js").Ring} ring */
export function loop(ring) {
  return (context, elapsed_s) => context.drawImage(ring.at(elapsed_s), 0, 0, context.canvas.width, context.canvas.height);
}

/** The living picture, but the face in it coarse and flickering. @param {() => number[]|null} faceBox in shares of the picture */
export function coarseFace(video, faceBox) {
  const small = document.createElement("canvas");
  return (context, elapsed_s) => {
    const { width, height } = context.canvas;
    context.drawImage(video, 0, 0, width, height);
    const box = faceBox();
    if (!box) return;
    const [x, y, w, h] = [box[0] * width, box[1] * height, box[2] * width, box[3] * height];
    const odd = Math.floor(elapsed_s * FLICKER_HZ) % 2;
    const wide = FACE_PX + 6 * odd;
    Object.assign(small, { width: wide, height: Math.max(Math.round((wide * h) / w), 1) });
    small.getContext("2d", { alpha: false }).drawImage(video, x, y, w, h, 0, 0, small.width, small.height);
    context.save();
    context.beginPath();
    context.ellipse(x + w / 2, y + h / 2, w / 2, h / 2, 0, 0, 2 * Math.PI);
    context.clip();
    context.drawImage(small, x, y, w, h);
    context.fillStyle = odd ? `rgb(255 255 255 / ${FLICKER_SHARE})` : `rgb(0 0 0 / ${FLICKER_SHARE})`;
    context.fillRect(x, y, w, h);
    context.restore();
  };
}

/** Draws a picture so that it fills the canvas. */
function cover(context, source, width, height) {
  const [w, h] = [source.videoWidth ?? source.width, source.videoHeight ?? source.height];
  const scale = Math.max(width / w, height / h);
  context.drawImage(source, (width - w * scale) / 2, (height - h * scale) / 2, w * scale, h * scale);
}
