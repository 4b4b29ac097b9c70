/** Both voices of a recording as a picture, and the place that is heard. What it shows is told elsewhere in words. */

import { peaks, scaled } from "../core/peaks.js";
import { h } from "./dom.js";

const BAR_PX = 3; // a bar and the gap beside it
const COLOURS = ["--you", "--patient"];

export class Waveform {
  #tracks = [];
  #canvas = h("canvas", { className: "waveform-canvas" });
  #place = h("span", { className: "waveform-place" });
  #watch = new ResizeObserver(() => this.#draw());
  #scheme = window.matchMedia("(prefers-color-scheme: dark)");

  constructor() {
    this.onseek = () => {}; // (share of the whole, 0 to 1)
    this.element = h("div", { className: "waveform", attrs: { dir: "ltr" }, aria: { hidden: "true" } }, this.#canvas, this.#place);
    this.element.addEventListener("pointerdown", (event) => this.pressed(this.#share(event), event.pointerId));
    this.element.addEventListener("pointermove", (event) => event.buttons === 1 && this.moved(this.#share(event)));
    this.#watch.observe(this.element);
    this.#scheme.onchange = () => this.#draw();
  }

  /** Show tracks, each float samples. */
  show(tracks) {
    this.#tracks = tracks;
    this.#draw();
  }

  /** Show the place that is heard, as a share of the whole. */
  set place(share) {
    this.#place.style.insetInlineStart = `${(100 * Math.max(0, Math.min(1, share))).toFixed(2)}%`;
  }

  /** Let everything go. */
  close() {
    this.#watch.disconnect();
    this.#scheme.onchange = null;
  }

  /** The pointer went down at a share of the whole. */
  pressed(share) {
    this.onseek(share);
  }

  /** The pointer moved there and is still down. */
  moved(share) {
    this.onseek(share);
  }

  #share(event) {
    const box = this.element.getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (!width || this.#tracks.length === 0) return;
    const dense = window.devicePixelRatio || 1;
    this.#canvas.width = Math.round(width * dense);
    this.#canvas.height = Math.round(height * dense);
    const brush = this.#canvas.getContext("2d");
    brush.scale(dense, dense);
    const lane = height / this.#tracks.length;
    const style = getComputedStyle(this.element);
    this.#tracks.forEach((track, index) => {
      const middle = lane * (index + 0.5);
      brush.fillStyle = style.getPropertyValue(COLOURS[index]).trim();
      scaled(peaks(track, Math.floor(width / BAR_PX))).forEach((value, bar) => {
        const tall = Math.max(1, value * (lane - 6));
        brush.fillRect(bar * BAR_PX, middle - tall / 2, BAR_PX - 1, tall);
      });
    });
  }
}
