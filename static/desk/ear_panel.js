/** The controls of listening in: begin, stop, go back half a minute, go to live, and which voices. */

import { announce } from "../ui/announce.js";
import { button, h, setText } from "../ui/dom.js";
import { Ear } from "./ear.js";
import { words as all } from "./strings.js";

const words = all.ear;
const BACK_S = 30;

export class EarPanel {
  #ear = null;
  #link;
  #hears = [true, true];

  constructor(link, { practice }) {
    this.#link = link;
    this.status = h("p", { className: "hint" }, words.off);
    this.toggle = button(words.listen, () => this.toggleListening(), { kind: "primary" });
    this.back = button(words.back, () => this.#listen(BACK_S), { kind: "secondary" });
    this.live = button(words.live, () => this.#goLive(), { kind: "secondary", hidden: true });
    this.voices = [0, 1].map((voice) => this.#voice(voice));
    this.element = h(
      "div",
      { className: "ear" },
      h("div", { className: "row" }, this.toggle, this.back, this.live, ...this.voices),
      this.status,
      h("p", { className: "hint" }, practice ? words.shown : words.covered),
    );
    this.#show();
  }

  /** The media time that is heard, or null. */
  get at_ms() {
    return this.#ear?.sounding ? this.#ear.at_ms : null;
  }

  toggleListening() {
    if (this.#ear) this.#stop();
    else this.#listen(0);
  }

  /** Take a binary message. */
  take(buffer) {
    this.#ear?.take(buffer);
  }

  /** Take word of whether sound comes. */
  told({ on, reason }) {
    if (on || reason === "asked") return;
    this.#close();
    this.#say(words[reason] ?? words.off);
  }

  /** A connection was made again: ask again. */
  reconnected() {
    if (this.#ear) this.#listen(0);
  }

  close() {
    this.#close();
  }

  async #listen(back_s) {
    this.#ear?.close();
    const ear = (this.#ear = new Ear());
    ear.onchange = () => this.#show();
    this.#say(words.waiting);
    await ear.open(back_s > 0);
    if (this.#ear !== ear) return;
    this.#hears.forEach((on, voice) => ear.hear(voice, on));
    this.#link.listen(true, back_s);
    this.#show();
  }

  #goLive() {
    this.#ear?.goLive();
    this.toggle.focus();
  }

  #stop() {
    this.#link.listen(false);
    this.#close();
    this.#say(words.off);
  }

  #close() {
    this.#ear?.close();
    this.#ear = null;
    this.#show();
  }

  #show() {
    const ear = this.#ear;
    setText(this.toggle, ear ? words.stop : words.listen);
    this.back.hidden = Boolean(ear);
    this.live.hidden = !ear || ear.is_live;
    for (const voice of this.voices) voice.hidden = !ear;
    if (!ear) return;
    const state = ear.is_live ? words.live_state : words.behind(Math.round(ear.behind_ms / 1000));
    setText(this.status, ear.sounding ? state : words.waiting);
  }

  #voice(voice) {
    const name = all.follow.who[voice === 0 ? "candidate" : "patient"];
    const toggle = button(
      name,
      () => {
        this.#hears[voice] = !this.#hears[voice];
        toggle.setAttribute("aria-pressed", String(this.#hears[voice]));
        this.#ear?.hear(voice, this.#hears[voice]);
      },
      { kind: "control", hidden: true, aria: { pressed: "true", label: words.hear(name.toLowerCase()) } },
    );
    toggle.classList.add(voice === 0 ? "track-you" : "track-patient");
    return toggle;
  }

  #say(text) {
    setText(this.status, text);
    announce(text);
  }
}
