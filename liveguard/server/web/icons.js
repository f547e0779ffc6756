// The few signs of the page, as inline SVG that takes the colour of the text around it.

const SVG = "http://www.w3.org/2000/svg";

const PATHS = {
  genuine: ["M8 1.5 13.5 3.5v4.2c0 3.2-2.2 5.6-5.5 6.8-3.3-1.2-5.5-3.6-5.5-6.8V3.5z", "m5.4 7.9 1.9 1.9 3.4-3.6"],
  suspicious: ["M8 2 15 14H1z", "M8 6.4v3.4", "M8 11.6v.6"],
  alert: ["M5.2 1.5h5.6l3.7 3.7v5.6l-3.7 3.7H5.2l-3.7-3.7V5.2z", "M8 4.6v4", "M8 10.8v.6"],
  cannot_judge: ["M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13z", "M6.1 6.2c.2-2.6 4-2.2 3.8 0-.1 1.3-1.9 1.4-1.9 2.9", "M8 11.4v.4"],
  offline: ["M2 2l12 12", "M3 8.2a7 7 0 0 1 2.6-1.7M8.6 6a7 7 0 0 1 4.4 2.2", "M5.4 10.6a3.7 3.7 0 0 1 4-.8", "M8 13v.4"],
  waiting: ["M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13z", "M8 4.4V8l2.4 1.6"],
  ended: ["M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13z", "M5.8 5.8h4.4v4.4H5.8z"],
  camera: ["M1.5 4h9v8h-9z", "m10.5 7 4-2.2v6.4l-4-2.2z"],
  camera_off: ["M1.5 4h9v8h-9z", "m10.5 7 4-2.2v6.4l-4-2.2z", "M1 1l14 14"],
  mic: ["M8 1.5a2 2 0 0 0-2 2v4a2 2 0 0 0 4 0v-4a2 2 0 0 0-2-2z", "M3.5 7.5a4.5 4.5 0 0 0 9 0", "M8 12v2.5"],
  mic_off: ["M8 1.5a2 2 0 0 0-2 2v4a2 2 0 0 0 4 0v-4a2 2 0 0 0-2-2z", "M3.5 7.5a4.5 4.5 0 0 0 9 0", "M8 12v2.5", "M1.5 1.5l13 13"],
  mesh: ["M8 1.5c3.2 0 5 2.3 5 5.5s-2.2 7.5-5 7.5S3 10.2 3 7s1.8-5.5 5-5.5z", "M3 7h10M8 1.5v13M3.6 4.2 8 7l4.4-2.8M4 10.5 8 7l4 3.5"],
  stop: ["M3.5 3.5h9v9h-9z"],
  share: ["M1.5 3h13v8.5h-13z", "M5 14h6", "M8 9V5.4M6.2 7 8 5.2 9.8 7"],
  sound: ["M2 6v4h2.5L8 13V3L4.5 6z", "M10.5 5.5a3.5 3.5 0 0 1 0 5M12.3 3.7a6 6 0 0 1 0 8.6"],
  sound_off: ["M2 6v4h2.5L8 13V3L4.5 6z", "m10.8 6.2 3.6 3.6m0-3.6-3.6 3.6"],
  bell: ["M4 11V7a4 4 0 0 1 8 0v4l1.3 1.5H2.7z", "M6.6 14.2h2.8"],
  copy: ["M5.5 5.5h8v8h-8z", "M10.5 5.5v-3h-8v8h3"],
  sun: ["M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6z", "M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1.1 1.1M11.9 11.9 13 13M13 3l-1.1 1.1M4.1 11.9 3 13"],
  moon: ["M13 9.8A5.8 5.8 0 0 1 6.2 3 5.8 5.8 0 1 0 13 9.8z"],
  half: ["M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13z", "M8 1.5v13M8 4.5h3.6M8 8h6M8 11.5h3.6"],
};

/** A decorative icon; what it means is always also said in words beside it. @param {keyof typeof PATHS} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  for (const d of PATHS[name]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}
