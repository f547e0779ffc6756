// Faces cut out of the picture for their cards.

const AROUND = 0.25; // of the box on each side, so that hair and chin are seen

/** Draws the face in `box` ([left, top, width, height] in pixels of `size`) of a video or canvas. */
export function drawThumb(canvas, source, sourceSize, box, size) {
  if (!sourceSize[0] || !size[0]) return;
  const scale = sourceSize[0] / size[0];
  const side = Math.max(box[2], box[3]) * (1 + 2 * AROUND) * scale;
  const x = (box[0] + box[2] / 2) * scale - side / 2;
  const y = (box[1] + box[3] / 2) * scale - side / 2;
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.drawImage(source, x, y, side, side, 0, 0, canvas.width, canvas.height);
}
