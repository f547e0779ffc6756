// Shapes that the stimuli are made of.

const SVG = "http://www.w3.org/2000/svg";

/** An SVG of paths ([{d, class}]), decorative: what it means is always said in words too. */
export function shape(viewBox, className, paths) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", viewBox);
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  for (const attributes of paths) {
    const path = document.createElementNS(SVG, "path");
    for (const [name, value] of Object.entries(attributes)) path.setAttribute(name, value);
    svg.append(path);
  }
  return svg;
}

const FINGERS = "M7 12.5V5.4M10.4 11.5V3.4M13.8 11.5V4M17.1 12.5V6.6M17 16.6 20.6 13.2";
const PALM = "M7 11.5h10.1v4.4a5.05 5.05 0 0 1-10.1 0z";

/** An open hand. */
export function hand() {
  return shape("0 0 24 24", "hand", [
    { d: FINGERS, class: "hand-edge" },
    { d: PALM, class: "hand-edge" },
    { d: FINGERS, class: "hand-fill" },
    { d: PALM, class: "hand-fill" },
  ]);
}

const SIGNS = {
  light: "M8 4.6a3.4 3.4 0 1 0 0 6.8 3.4 3.4 0 0 0 0-6.8zM8 1v1.4M8 13.6V15M1 8h1.4M13.6 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  pose: "M8 2.2c2.4 0 3.7 1.8 3.7 4.2S10.2 12 8 12 4.3 8.8 4.3 6.4 5.6 2.2 8 2.2zM1.5 13.5h13M3.3 11.7l-1.8 1.8 1.8 1.8M12.7 11.7l1.8 1.8-1.8 1.8",
  occlusion: "M4.7 9V4M7 8.2V2.2M9.3 8.2V2.8M11.5 9V4.4M4.7 8.4v2.5a3.4 3.4 0 0 0 6.8 0l2.4-2.6M11.5 8.4v2.5",
  rhythm: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
  digits: "M2 6v4h2.5L8 13V3L4.5 6zM10.5 5.5a3.5 3.5 0 0 1 0 5M12.3 3.7a6 6 0 0 1 0 8.6",
  distance: "M8 4.4c1.7 0 2.6 1.4 2.6 3.2S9.6 11 8 11 5.4 9.4 5.4 7.6 6.3 4.4 8 4.4zM1.5 4.5v-3h3M14.5 4.5v-3h-3M1.5 11.5v3h3M14.5 11.5v3h-3",
};

/** The sign of a kind of challenge. */
export function kindSign(kind) {
  return shape("0 0 16 16", "icon kind", [{ d: SIGNS[kind] }]);
}
