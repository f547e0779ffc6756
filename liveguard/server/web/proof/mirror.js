// The self-view is a mirror: what the camera's picture has on its left is seen on the right.
//
// The person's own right hand is on the left of the camera's picture, and on the right of the mirror. So what is called
// "left" in a picture is the person's right, and is drawn on the right-hand side.

/** Regions of the face: the person's own name of each, and where it is in the mirror, in halves of the oval from its middle. */
export const REGIONS = {
  left_cheek: { own: "right_cheek", x: 0.5, y: 0.22 },
  right_cheek: { own: "left_cheek", x: -0.5, y: 0.22 },
  mouth: { own: "mouth", x: 0, y: 0.5 },
  forehead: { own: "forehead", x: 0, y: -0.6 },
  chin: { own: "chin", x: 0, y: 0.85 },
};

/**
 * Where the nose points, as seen in the mirror; x to the right and y down, in degrees.
 *
 * Measured with `geometry.yaw_pitch_roll_deg` on a portrait turned both ways: with yaw > 0 the nose points to the LEFT of
 * the camera's picture, which is the person's own right and the right of the mirror; with pitch > 0 it points DOWN.
 */
export function noseInMirror(yaw_deg, pitch_deg) {
  return { x: yaw_deg, y: pitch_deg };
}

/** Which way that is for the person: "right", "left" or "straight". */
export function ownSide(yaw_deg) {
  return yaw_deg > 0 ? "right" : yaw_deg < 0 ? "left" : "straight";
}
