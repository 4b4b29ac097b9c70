/** A model phrase: hear it, say it, hear oneself. What is said here is never sent anywhere. */

import { announce } from "./announce.js";
import { button, h, IN_ENGLISH, setText } from "./dom.js";
import { strings } from "../strings.js";

const words = strings.coach.phrase;
const LONGEST_MS = 20000;
const PIECE_MS = 250;

export class PhrasePractice {
  #audio = new Audio();
  #urls = [];
  #recorder = null;
  #timer = 0;
  #asking = false; // for the microphone
  #closed = false;
  #fetch;
  #model = null; // the address of the phrase as it was spoken
  #own = null; // the address of what was said

  /** `phrase` is its text, `fetch_sound()` resolves to a Blob. */
  constructor(phrase, fetch_sound) {
    this.#fetch = fetch_sound;
    this.status = h("p", { className: "hint", attrs: { role: "status" } });
    this.hear = button(words.hear, () => this.#hear(), { kind: "secondary" });
    this.say = button(words.say, () => this.#say(), { kind: "secondary" });
    this.own = button(words.own, () => this.#play(this.#own).catch(() => setText(this.status, words.no_own)), { kind: "secondary", hidden: true });
    this.element = h(
      "div",
      { className: "phrase" },
      h("blockquote", { className: "phrase-text", ...IN_ENGLISH }, phrase),
      h("div", { className: "row" }, this.hear, this.say, this.own),
      this.status,
    );
  }

  /** Let everything go. */
  close() {
    this.#closed = true;
    this.#stop();
    this.#audio.pause();
    this.#urls.forEach((url) => URL.revokeObjectURL(url));
  }

  async #hear() {
    try {
      const sound = this.#model ? null : await this.#fetch();
      if (this.#closed) return;
      this.#model ??= this.#address(sound);
      await this.#play(this.#model);
    } catch {
      setText(this.status, words.no_voice);
    }
  }

  async #say() {
    if (this.#recorder) {
      this.#stop();
      return;
    }
    if (this.#asking) return;
    this.#asking = true;
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch {
      setText(this.status, words.no_microphone);
      return;
    } finally {
      this.#asking = false;
    }
    if (this.#closed) {
      stream.getTracks().forEach((track) => track.stop());
      return;
    }
    const pieces = [];
    this.#audio.pause();
    this.#recorder = new MediaRecorder(stream);
    this.#recorder.ondataavailable = ({ data }) => {
      if (data.size > 0) pieces.push(data);
      this.say.disabled = false;
    };
    this.#recorder.onstop = () => {
      stream.getTracks().forEach((track) => track.stop());
      if (this.#closed || pieces.length === 0) return;
      this.#own = this.#address(new Blob(pieces, { type: pieces[0]?.type }));
      this.own.hidden = false;
      setText(this.say, words.say);
      setText(this.status, words.stays);
      announce(words.stays);
    };
    this.#recorder.start(PIECE_MS);
    this.say.disabled = true; // until there is something to hear
    this.#timer = setTimeout(() => this.#stop(), LONGEST_MS);
    setText(this.say, words.stop);
    setText(this.status, "");
  }

  #stop() {
    clearTimeout(this.#timer);
    if (this.#recorder?.state === "recording") this.#recorder.stop();
    this.#recorder = null;
  }

  #address(blob) {
    const url = URL.createObjectURL(blob);
    this.#urls.push(url);
    return url;
  }

  async #play(url) {
    this.#audio.src = url;
    await this.#audio.play();
  }
}
