// Tabs by the ARIA pattern: arrow keys, Home and End move; the address remembers which.

/** @param {HTMLElement} list the element with role tablist @param {(name: string) => void} onShow */
export function setUpTabs(list, onShow) {
  const tabs = [...list.querySelectorAll("[role=tab]")];
  const show = (tab, focus) => {
    for (const other of tabs) {
      const chosen = other === tab;
      other.setAttribute("aria-selected", String(chosen));
      other.tabIndex = chosen ? 0 : -1;
      document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
    }
    if (focus) tab.focus();
    history.replaceState(null, "", `#${tab.dataset.view}`);
    onShow(tab.dataset.view);
  };
  list.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (tab) show(tab);
  });
  list.addEventListener("keydown", (event) => {
    const now = tabs.indexOf(document.activeElement);
    const next = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (next === undefined || now < 0) return;
    event.preventDefault();
    show(tabs[(next + tabs.length) % tabs.length], true);
  });
  show(tabs.find((tab) => `#${tab.dataset.view}` === location.hash) ?? tabs[0]);
}
