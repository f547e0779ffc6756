// What each kind of challenge shows. A stimulus is made when it is to be shown, and drawn as a function of time.
import { t } from "../words.js";
import { REGIONS } from "../mirror.js";
import { digits } from "./digits.js";
import { distance } from "./distance.js";
import { light } from "./light.js";
import { occlusion } from "./occlusion.js";
import { pose } from "./pose.js";
import { rhythm } from "./rhythm.js";

/** @type {Record<string, (stage: import("../stage.js").Stage, params: any) => import("../run_step.js").Stimulus>} */
export const STIMULI = { light, pose, occlusion, rhythm, digits, distance };

/** Before anybody knows what exactly is asked. @returns {{head: string, hint?: string}} */
export function announcement(kind) {
  const words = t.step[kind];
  if (kind === "distance") return { head: words.head, hint: words.closer };
  return words.soon ?? words;
}

/** Where the announcement could not say it. @returns {{head: string, hint: string}|null} */
export function instruction(kind, params) {
  const words = t.step[kind];
  if (kind === "occlusion") return { head: words.head[REGIONS[params.region].own], hint: words.cover };
  if (kind === "rhythm") return { head: words.head[params.action], hint: words.hint[params.action] };
  return null;
}
