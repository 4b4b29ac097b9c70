/** Audio thread of whoever listens in: plays the queue and tells which moment is heard. */

import { EarQueue } from "./ear_queue.js";

const TELL_EVERY_MS = 100;

class EarProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this.queue = new EarQueue();
    this.untold = 0;
    this.running = true;
    this.port.onmessage = ({ data }) => this.#obey(data);
  }

  #obey(message) {
    if (message.kind === "sound") this.queue.push(message.at_ms, message.pairs);
    if (message.kind === "hear") this.queue.hear(message.voice, message.on);
    if (message.kind === "live") this.queue.goLive();
    if (message.kind === "back") this.queue.live = false;
    if (message.kind === "stop") this.running = false;
  }

  process(_inputs, [output]) {
    const [first, ...others] = output;
    const sounding = this.queue.render(first);
    for (const channel of others) channel.set(first);
    this.untold += first.length;
    if (this.untold >= (TELL_EVERY_MS * sampleRate) / 1000) {
      this.untold = 0;
      this.port.postMessage({ at_ms: this.queue.at_ms, in_hand_ms: this.queue.in_hand_ms, sounding });
    }
    return this.running;
  }
}

registerProcessor("interlocutor-ear", EarProcessor);
