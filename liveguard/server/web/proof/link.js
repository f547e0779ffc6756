// The link that the person was sent: /proof/#id=...&token=... What stands behind # never leaves the browser by itself.

/** The id and the token, which are taken out of the address at once; null where one is missing. */
export function takeLink() {
  const given = new URLSearchParams(location.hash.slice(1));
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  // A link that is opened in the same tab again changes no more than what stands behind #.
  addEventListener("hashchange", () => location.reload());
  const [id, token] = [given.get("id"), given.get("token")];
  return id && token ? { id, token } : null;
}
