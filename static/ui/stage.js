/** Where screens appear: one at a time, with the focus on the heading, so that nobody is lost. */

import { strings } from "../strings.js";
import { hush } from "./announce.js";
import { closeDialogs } from "./dialogs.js";

export class Stage {
  #main;
  #close = () => {};

  constructor(main) {
    this.#main = main;
  }

  /** Show a screen {element, title, close?}; the one before is closed. */
  show({ element, title, close = () => {} }) {
    const first = this.#main.dataset.shown !== "true";
    this.#close();
    this.#close = close;
    closeDialogs();
    hush();
    this.#main.replaceChildren(element);
    this.#main.dataset.shown = "true";
    document.title = `${title} - ${strings.product}`;
    window.scrollTo(0, 0);
    // At the first screen the browser's own place, before everything, is the right one.
    if (!first) element.querySelector("h1")?.focus({ preventScroll: true });
  }
}
