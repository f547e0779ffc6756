// Ways in which a check ends without a result.
import { ApiError } from "../api.js";
import { Blocked } from "./feed.js";

/** `why`: a key of the words under ended. `said`: the server's own words. */
export class Ending extends Error {
  constructor(why, said = null) {
    super(why);
    this.why = why;
    this.said = said;
  }

  /** Whether it may be otherwise the next time. */
  get passes() {
    return ["lost", "unreachable", "blocked", "busy"].includes(this.why);
  }
}

// What the server, or a proxy before it, says when it has no place now, starts anew, or takes too long.
const BUSY = { 502: "busy", 503: "busy", 504: "busy" };
const ANSWERS = { 0: "unreachable", 401: "used", 403: "used", 404: "used", 409: "used", 410: "used", 423: "locked", 429: "locked", ...BUSY };

export function isBusy(error) {
  return error instanceof ApiError && error.status in BUSY;
}

/** Any error as an Ending. One that is not known is a mistake of ours: the person is told that it cannot go on. */
export function asEnding(error) {
  if (error instanceof Ending) return error;
  if (error instanceof Blocked) return new Ending("blocked");
  if (error instanceof ApiError) return new Ending(ANSWERS[error.status] ?? "refused");
  console.error(error);
  return new Ending("refused");
}
