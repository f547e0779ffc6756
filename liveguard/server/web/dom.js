// Making elements. Text goes in as text nodes only, so that foreign text is never read as HTML.

/**
 * An element. Properties that begin with "on" are listeners, true and false switch attributes, all else are attributes.
 * @param {string} tag
 * @param {Record<string, any>} [attributes]
 * @param {...(Node|string|number|null|undefined|false)} children
 * @returns {any}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false).map(textOrNode));
  return element;
}

function textOrNode(child) {
  return child instanceof Node ? child : String(child);
}

/** Sets text only where it is another one, so that screen readers and selections are left in peace. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A list's items as text, made anew only where something has changed. */
export function setItems(list, texts) {
  const old = [...list.children].map((item) => item.textContent);
  if (old.length === texts.length && old.every((text, k) => text === texts[k])) return;
  list.replaceChildren(...texts.map((text) => h("li", {}, text)));
}

let ids = 0;

/** An id that nothing else on the page has. */
export function newId(stem) {
  ids += 1;
  return `${stem}-${ids}`;
}
