/** Listening in: what comes over the desk's connection, played as soon as it can be. */

import { RATE_HZ, readSound } from "./ear_queue.js";

const LIVE_MS = 400; // what is in hand of a sound that is live

export class Ear {
  #context = null;
  #node = null;
  #closed = false;

  constructor() {
    this.at_ms = null; // the media time that is heard
    this.behind_ms = 0;
    this.sounding = false;
    this.onchange = () => {};
  }

  /** Begin; to be called while a click is handled. `back`: play on from where it begins, and skip nothing. */
  async open(back) {
    this.#context = new AudioContext({ sampleRate: RATE_HZ, latencyHint: "interactive" });
    try {
      await this.#context.audioWorklet.addModule(new URL("./ear_worklet.js", import.meta.url));
    } catch (error) {
      // Whoever closes it while it loads has it fail.
      if (!this.#closed) throw error;
    }
    if (this.#closed) return;
    this.#node = new AudioWorkletNode(this.#context, "interlocutor-ear", { outputChannelCount: [2] });
    this.#node.port.onmessage = ({ data }) => {
      this.sounding = data.sounding;
      if (data.sounding) this.at_ms = data.at_ms;
      this.behind_ms = data.in_hand_ms;
      this.onchange();
    };
    this.#node.connect(this.#context.destination);
    if (back) this.#node.port.postMessage({ kind: "back" });
    await this.#context.resume();
  }

  /** Take a binary message. */
  take(buffer) {
    const sound = readSound(buffer);
    if (sound) this.#node?.port.postMessage({ kind: "sound", ...sound }, [sound.pairs.buffer]);
  }

  get is_live() {
    return this.behind_ms < LIVE_MS;
  }

  hear(voice, on) {
    this.#node?.port.postMessage({ kind: "hear", voice, on });
  }

  goLive() {
    this.#node?.port.postMessage({ kind: "live" });
  }

  close() {
    this.#closed = true;
    this.#node?.port.postMessage({ kind: "stop" });
    this.#context?.close();
    this.onchange = () => {};
  }
}
