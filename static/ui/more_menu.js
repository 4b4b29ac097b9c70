/** A button with what one seldom needs behind it: opened by a click, closed by Escape or a click elsewhere. */

import { freshId, h } from "./dom.js";

/** Return {element, close} of a menu with `children`. */
export function moreMenu(label, ...children) {
  const id = freshId("more");
  const summary = h("summary", { className: "button button-control", attrs: { "aria-controls": id } }, label);
  const element = h("details", { className: "more" }, summary, h("div", { id, className: "more-panel" }, ...children.filter(Boolean)));
  const shut = () => (element.open = false);
  const onKey = (event) => {
    if (event.key !== "Escape" || !element.open) return;
    shut();
    summary.focus();
  };
  const onPointer = ({ target }) => element.contains(target) || target.closest?.("dialog") || shut();
  element.addEventListener("keydown", onKey);
  document.addEventListener("pointerdown", onPointer);
  return { element, close: () => document.removeEventListener("pointerdown", onPointer) };
}
