/** Notices during a role-play: one line each, some with something to press, gone when they no longer matter. */

import { announce } from "./announce.js";
import { button, h, setText } from "./dom.js";

// Long enough to read twice; notices with an action, and the mute, stay until they are dealt with.
const SHOWN_MS = 8000;
const LASTING = ["muted"];

export class NoticeBar {
  constructor() {
    this.element = h("div", { className: "notice-bar" });
    this.shown = new Map(); // code -> {element, text, timer}
  }

  /** Show `text` under `code`, once, with an `action` {label, run} if there is one. */
  show(code, text, action = null) {
    const known = this.shown.get(code);
    if (known) {
      setText(known.text, text);
      this.#expire(code, known, action);
      return;
    }
    const words = h("p", {}, text);
    const element = h("div", { className: "notice" }, words, action ? button(action.label, action.run, { kind: "secondary" }) : null);
    const entry = { element, text: words, timer: null };
    this.shown.set(code, entry);
    this.element.append(element);
    announce(text);
    this.#expire(code, entry, action);
  }

  /** Take a notice away. */
  hide(code) {
    const entry = this.shown.get(code);
    if (!entry) return;
    clearTimeout(entry.timer);
    entry.element.remove();
    this.shown.delete(code);
  }

  /** Take all away. */
  close() {
    for (const code of [...this.shown.keys()]) this.hide(code);
  }

  #expire(code, entry, action) {
    clearTimeout(entry.timer);
    if (action || LASTING.includes(code)) return;
    entry.timer = setTimeout(() => this.hide(code), SHOWN_MS);
  }
}
