// Runs before the first paint, so that a chosen theme does not flash. Not a module: modules wait for the page.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("liveguard-theme");
  } catch {
    // Storage may be forbidden; the system's theme is used then.
  }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
