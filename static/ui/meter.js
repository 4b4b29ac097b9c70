/** A level meter: a bar that follows the voice. */

import { Follower, meterPosition } from "../core/level.js";
import { h } from "./dom.js";

// Screen readers read a changed value aloud or on request; a value that flickers helps nobody.
const TELL_EVERY_MS = 500;

export class Meter {
  constructor(label) {
    this.bar = h("span", { className: "meter-bar" });
    this.element = h(
      "div",
      { className: "meter", attrs: { role: "meter" }, aria: { label, valuemin: "0", valuemax: "100", valuenow: "0" } },
      this.bar,
    );
    this.follower = new Follower();
    this.told_ms = 0;
    this.shown_ms = performance.now();
  }

  /** Show a level in dB of full scale. */
  show(level_dbfs) {
    const now_ms = performance.now();
    const value = this.follower.follow(meterPosition(level_dbfs), now_ms - this.shown_ms);
    this.shown_ms = now_ms;
    this.bar.style.transform = `scaleX(${value.toFixed(3)})`;
    if (now_ms - this.told_ms < TELL_EVERY_MS) return;
    this.told_ms = now_ms;
    this.element.setAttribute("aria-valuenow", String(Math.round(100 * value)));
  }
}
