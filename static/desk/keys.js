/** Single keys of the desk. They can be switched off, since speech input and slips of the hand press keys too. */

import { storageOf } from "../core/storage.js";

const KEPT = "interlocutor.desk.keys";

/** Return whether a key event is meant for something else: a field, or together with others. */
export function isTaken({ target, ctrlKey, metaKey, altKey, isComposing }) {
  return ctrlKey || metaKey || altKey || isComposing || Boolean(target.closest?.("input:not([type=range]), textarea, select, dialog"));
}

export class Keys {
  #handle = (event) => this.#pressed(event);
  #storage;
  #on;

  /** `does` maps a key (in small letters) to what it does; `storage` keeps whether keys are on, null: for this screen. */
  constructor(does, storage = storageOf("localStorage")) {
    this.does = does;
    this.#storage = storage;
    this.#on = storage?.getItem(KEPT) !== "off";
    document.addEventListener("keydown", this.#handle);
  }

  get on() {
    return this.#on;
  }

  set on(on) {
    this.#on = on;
    this.#storage?.setItem(KEPT, on ? "on" : "off");
  }

  close() {
    document.removeEventListener("keydown", this.#handle);
  }

  #pressed(event) {
    if (!this.on || event.repeat || isTaken(event)) return;
    // On a button the space bar presses it.
    if (event.key === " " && event.target.closest?.("button, a, summary")) return;
    const run = this.does[event.key.toLowerCase()];
    if (!run) return;
    event.preventDefault();
    run();
  }
}
