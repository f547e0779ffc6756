// The guard's HTTP interface: one function, one kind of error, and the token.

const TOKEN_KEY = "liveguard-token";
const TIMEOUT_MS = 15_000;

/** `status` 0: no answer came at all. `wait_s`: after which time it may be otherwise, where the answer says so. */
export class ApiError extends Error {
  constructor(status, message, wait_s = null) {
    super(message);
    this.status = status;
    this.wait_s = wait_s;
  }
}

let token = null;

/** Takes the token from the address (#token=...), where it must not stay, or from this tab's storage. */
export function findToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    history.replaceState(null, "", location.pathname + location.search);
    setToken(given);
    return;
  }
  try {
    token = sessionStorage.getItem(TOKEN_KEY);
  } catch {
    token = null; // storage is forbidden: the person is asked again
  }
}

export function setToken(value) {
  token = value;
  try {
    sessionStorage.setItem(TOKEN_KEY, value);
  } catch {
    // Storage is forbidden: the token lasts as long as the page.
  }
}

export function getToken() {
  return token;
}

/** An absolute address beside the page's own. */
export function address(path) {
  return new URL(path, document.baseURI);
}

/**
 * What the guard answers, as an object; null where it answers nothing. Throws ApiError.
 * @param {string} method
 * @param {string} path relative to the page, without a leading slash
 * @param {object} [body]
 * @param {{keepalive?: boolean}} [options] keepalive: the request may outlive the page
 */
export async function call(method, path, body, { keepalive = false } = {}) {
  const headers = {};
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer, text;
  try {
    const signal = keepalive ? undefined : AbortSignal.timeout(TIMEOUT_MS);
    answer = await fetch(address(path), { method, headers, keepalive, signal, body: body && JSON.stringify(body) });
    text = await answer.text();
  } catch {
    throw new ApiError(0, "the guard does not answer");
  }
  const content = parsed(text);
  if (answer.ok) return content;
  const said = typeof content?.error === "string" ? content.error : `the guard answered ${answer.status}`;
  throw new ApiError(answer.status, said);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
