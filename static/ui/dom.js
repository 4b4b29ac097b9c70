/** Small helpers to make and change elements; text only ever enters as text, never as markup. */

/** Return a new element. `props` are properties, except `data`, `aria` and `on`, which are maps, and `attrs`. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === "data") Object.assign(element.dataset, value);
    else if (name === "attrs") for (const [key, text] of Object.entries(value)) element.setAttribute(key, text);
    else if (name === "aria") for (const [key, text] of Object.entries(value)) element.setAttribute(`aria-${key}`, text);
    else if (name === "on") for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Return a new element of a drawing; `attributes` are as in SVG. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** What cards and conversations are in, whatever language the page itself speaks. */
export const IN_ENGLISH = { lang: "en", dir: "ltr" };

/** Set an element's text if it differs, so that live regions speak only of changes. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Return a button. */
export function button(label, on_click, { kind = "plain", ...props } = {}) {
  return h("button", { type: "button", className: `button button-${kind}`, on: { click: on_click }, ...props }, label);
}

let last_id = 0;

/** Return an id that no other element of the page has. */
export function freshId(prefix) {
  last_id += 1;
  return `${prefix}-${last_id}`;
}

/** Return a section with a heading that names it. */
export function section(title, props, ...children) {
  const id = freshId("heading");
  return h("section", { ...props, aria: { labelledby: id } }, h("h2", { id }, title), ...children);
}
