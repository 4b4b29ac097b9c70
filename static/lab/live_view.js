/** A run as it happens: how far it is, what is going on, and each turn as soon as it is known. */

import { announce } from "../ui/announce.js";
import { strings } from "../strings.js";
import { h, section, setText } from "../ui/dom.js";
import { partsKey, turnTable } from "./turn_table.js";

const words = strings.lab.live;

export class LiveView {
  #told = "";
  #shown = "";

  constructor() {
    this.where = h("p", { className: "lab-where" });
    this.state = h("p", { className: "hint" });
    this.bar = h("progress", { max: 1, value: 0, aria: { label: words.progress } });
    this.turns = h("div");
    this.element = section(words.title, { className: "panel lab-panel", hidden: true }, this.where, this.bar, this.state, partsKey(), this.turns);
  }

  /** Begin to show a run of `recordings` recordings, repeated so often. */
  begin(recordings, repeats) {
    this.total = recordings * repeats;
    this.recordings = recordings;
    this.repeats = repeats;
    this.element.hidden = false;
    this.turns.replaceChildren();
    this.bar.value = 0;
    setText(this.where, words.starting);
    setText(this.state, "");
  }

  /** Show how far a run is. */
  progress({ repeat, place, task, candidate }) {
    const turn = candidate.current + 1;
    const done = repeat * this.recordings + place + turn / Math.max(1, task.turns.length + 1);
    this.bar.value = done / this.total;
    setText(this.where, words.where({ name: task.name, place: place + 1, of: this.recordings, repeat: repeat + 1, repeats: this.repeats }));
    setText(this.state, words.state(words.states[candidate.state], turn, task.turns.length));
    const told = `${repeat}/${place}`;
    if (told !== this.#told) announce(this.where.textContent);
    this.#told = told;
  }

  /** Show the turns so far. */
  show(turns) {
    const shown = JSON.stringify(turns);
    if (turns.length === 0 || shown === this.#shown) return;
    this.#shown = shown;
    this.turns.replaceChildren(turnTable(turns, words.turns, { running: true }));
  }

  end() {
    this.element.hidden = true;
    this.#told = "";
  }
}
