/** A waveform on which a stretch can be picked by dragging, and is shown; a click still goes to a place. */

import { h } from "../ui/dom.js";
import { Waveform } from "../ui/waveform.js";

const DRAG = 0.004; // of the whole: less is a click that was not quite still

export class PickableWaveform extends Waveform {
  #from = null;
  #dragged = false;
  #stretch = h("span", { className: "waveform-picked", hidden: true });

  constructor() {
    super();
    this.onpick = () => {}; // (from and to as shares of the whole, in whichever order)
    this.element.append(this.#stretch);
    this.element.addEventListener("pointerup", () => this.#let());
    this.element.addEventListener("pointercancel", () => (this.#from = null));
  }

  /** Show a stretch {from, to} as shares of the whole; null: none. */
  set picked(stretch) {
    this.#stretch.hidden = stretch === null;
    if (stretch === null) return;
    this.#stretch.style.insetInlineStart = `${(100 * stretch.from).toFixed(2)}%`;
    this.#stretch.style.inlineSize = `${(100 * (stretch.to - stretch.from)).toFixed(2)}%`;
  }

  pressed(share, pointer) {
    this.element.setPointerCapture(pointer);
    this.#from = share;
    this.#dragged = false;
  }

  moved(share) {
    if (this.#from === null || (!this.#dragged && Math.abs(share - this.#from) < DRAG)) return;
    this.#dragged = true;
    this.onpick(this.#from, share);
  }

  #let() {
    if (this.#from !== null && !this.#dragged) this.onseek(this.#from);
    this.#from = null;
  }
}
