/** The controls of a recording: the picture of both voices, a slider for those who don't see it, play, speed, tracks. */

import { formatElapsed } from "../core/clock.js";
import { strings } from "../strings.js";
import { button, h, setText } from "./dom.js";
import { Waveform } from "./waveform.js";

const words = strings.debrief.player;
const SPEEDS = [0.75, 1, 1.25];
const STEP_S = 1; // of the slider, by an arrow key

export class PlayerView {
  #listener;
  #waveform;

  /** `listener` is a Listener; it need not have its recording yet. `speeds` can be chosen; the pitch stays. `names` are what the sides are called. */
  constructor(listener, { speeds = SPEEDS, names = { candidate: strings.talk.you, patient: strings.talk.patient }, waveform = new Waveform() } = {}) {
    this.#listener = listener;
    this.#waveform = waveform;
    this.play = button(words.play, () => this.#toggle(), { kind: "primary" });
    this.time = h("span", { className: "player-time" });
    this.slider = h("input", {
      type: "range",
      min: "0",
      step: String(STEP_S),
      className: "player-slider",
      attrs: { dir: "ltr" },
      aria: { label: words.place },
      on: { input: () => listener.seek(1000 * Number(this.slider.value)) },
    });
    const speed = h(
      "select",
      { className: "player-speed", on: { change: () => (listener.rate = Number(speed.value)) } },
      ...speeds.map((value) => h("option", { value: String(value), selected: value === 1 }, words.speed_of(value))),
    );
    this.#waveform.onseek = (share) => listener.seek(share * listener.duration_ms);
    this.element = h(
      "div",
      { className: "player" },
      this.#waveform.element,
      this.slider,
      h(
        "div",
        { className: "player-controls" },
        this.play,
        this.time,
        this.#track(0, names.candidate),
        this.#track(1, names.patient),
        h("label", { className: "player-label" }, h("span", {}, words.speed), speed),
      ),
    );
  }

  /** Show the tracks' picture. */
  draw(tracks) {
    this.#waveform.show(tracks);
  }

  /** Show where the listener is. */
  show() {
    const { at_ms, duration_ms, playing } = this.#listener;
    setText(this.play, playing ? words.pause : words.play);
    const told = words.time(formatElapsed(at_ms), formatElapsed(duration_ms));
    setText(this.time, told);
    this.slider.max = String(Math.max(1, Math.ceil(duration_ms / 1000)));
    const place = String(Math.floor(at_ms / 1000));
    if (this.slider.value !== place) this.slider.value = place;
    this.slider.setAttribute("aria-valuetext", told);
    this.#waveform.place = duration_ms > 0 ? at_ms / duration_ms : 0;
  }

  /** Let everything go. */
  close() {
    this.#waveform.close();
  }

  #toggle() {
    if (this.#listener.playing) this.#listener.pause();
    else this.#listener.play();
  }

  #track(index, name) {
    const toggle = button(
      name,
      () => {
        const on = toggle.getAttribute("aria-pressed") !== "true";
        toggle.setAttribute("aria-pressed", String(on));
        this.#listener.hear(index, on);
      },
      { kind: "control", aria: { pressed: "true", label: words.hear(name) } },
    );
    toggle.classList.add(index === 0 ? "track-you" : "track-patient");
    return toggle;
  }
}
