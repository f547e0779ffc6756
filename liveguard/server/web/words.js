// Figures, times and states in words.

const UNITS = [
  ["_eyes_per_s", "eye distances a second"],
  ["_per_min", "a minute"],
  ["_per_s", "a second"],
  ["_percent", "%"],
  ["_share", "%", 100],
  ["_sigma", "standard deviations"],
  ["_octaves", "octaves"],
  ["_ratio", ""],
  ["_grey", "grey levels"],
  ["_nats", "nats"],
  ["_eyes", "eye distances"],
  ["_deg", "°"],
  ["_db", "dB"],
  ["_hz", "Hz"],
  ["_px", "px"],
  ["_ms", "ms"],
  ["_us", "µs"],
  ["_s", "s"],
];

const STATES = {
  offline: "no connection to the guard",
  waiting: "waiting",
  ended: "ended",
};
const ORDER = ["alert", "suspicious", "offline", "cannot_judge", "waiting", "genuine"];

const ADVICE = [
  [/too late to be judged/, "call again: sound and picture arrive too far apart"],
  [/come (closer|nearer)/, "come closer to the camera"],
  [/too dark|luma/, "turn a light on"],
  [/frame rate|too few pictures/, "close other programs, or give the camera more light, so that more pictures come"],
  [/no speech|speak$|too little speech/, "say a few sentences"],
  [/face the camera|no face in view/, "face the camera"],
  [/hold still/, "hold still"],
  [/stay in view/, "stay in view"],
  [/unmute|no sound/, "switch the microphone on"],
  [/overdriven|turn the microphone down/, "turn the microphone down"],
  [/several people talk/, "let one person talk at a time"],
  [/music or a tone/, "switch the music off, and talk"],
  [/too noisy/, "go where it is quieter, or closer to the microphone"],
  [/muffled/, "uncover the microphone, or take another one"],
  [/no picture/, "switch the camera on"],
  [/wait$|too little was seen|too short/, "wait a few seconds"],
];

/** "lag_ms", 412.3 -> "lag 412 ms". */
export function figure(name, value) {
  const [ending, unit, factor = 1] = UNITS.find(([end]) => name.endsWith(end)) ?? ["", ""];
  const label = name.slice(0, name.length - ending.length).replaceAll("_", " ").replace(/ sd$/, " spread");
  if (value === null || !Number.isFinite(value)) return `${label} unknown`;
  return `${label} ${number(value * factor)}${unit && (unit === "°" ? "" : " ")}${unit}`;
}

/** About three digits that matter. */
export function number(value) {
  const size = Math.abs(value);
  const text = value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
  return (text.includes(".") ? text.replace(/\.?0+$/, "") : text).replace("-", "−");
}

/** Seconds of the call as m:ss. */
export function clock(seconds) {
  const whole = Math.max(Math.floor(seconds), 0);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** A risk 0..1; nothing is ever quite certain. */
export function percent(risk) {
  return risk > 0.99 ? ">99 %" : risk < 0.01 ? "<1 %" : `${Math.round(100 * risk)} %`;
}

export function stateWords(state, info) {
  return info?.states?.[state] ?? STATES[state] ?? state.replaceAll("_", " ");
}

/** The state that matters most of several. */
export function worst(states) {
  return ORDER.find((state) => states.includes(state)) ?? "waiting";
}

/** What would let the guard judge, from its reasons why it cannot; each piece of advice once. */
export function advice(reasons) {
  const found = reasons.map((why) => ADVICE.find(([pattern]) => pattern.test(why))?.[1]);
  return [...new Set(found.filter(Boolean))];
}

/** "face 2" -> "Face 2", "feed" -> "Whole feed". */
export function whoWords(who) {
  return who === "feed" ? "Whole feed" : who.charAt(0).toUpperCase() + who.slice(1);
}

export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
