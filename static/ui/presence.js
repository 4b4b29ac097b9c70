/** The patient's presence: a quiet shape that breathes with whoever is speaking. It carries no words. */

import { Follower, meterPosition } from "../core/level.js";
import { h } from "./dom.js";

export class Presence {
  constructor() {
    const part = (name) => h("span", { className: `presence-${name}` });
    const dots = h("span", { className: "presence-dots" }, part("dot"), part("dot"), part("dot"));
    this.element = h(
      "div",
      { className: "presence", data: { state: "connecting" }, aria: { hidden: "true" } },
      part("halo"),
      part("ring"),
      h("span", { className: "presence-core" }, dots),
    );
    this.follower = new Follower({ rise_ms: 60, fall_ms: 300 });
    this.shown_ms = performance.now();
  }

  /** Show one of the conversation's states. */
  set state(name) {
    this.element.dataset.state = name;
  }

  /** Follow a level in dB of full scale. */
  show(level_dbfs) {
    const now_ms = performance.now();
    const value = this.follower.follow(meterPosition(level_dbfs), now_ms - this.shown_ms);
    this.shown_ms = now_ms;
    this.element.style.setProperty("--level", value.toFixed(3));
  }
}
