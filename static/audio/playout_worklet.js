/** Audio thread, loudspeaker side: plays the queue, and tells what was played and how loud it is. */

import { levelDbfs } from "../core/pcm.js";
import { PlayoutQueue } from "../core/playout_queue.js";

const LEVEL_EVERY_MS = 40; // as often as a moving shape needs it

class PlayoutProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this.queue = new PlayoutQueue(sampleRate);
    this.unmetered = 0;
    this.running = true;
    this.port.onmessage = ({ data }) => this.#obey(data);
  }

  #obey(message) {
    if (message.kind === "enqueue") this.queue.enqueue(message.item_id, message.samples);
    if (message.kind === "complete") this.queue.complete(message.item_id);
    if (message.kind === "clear") this.#tell(this.queue.clear(message.item_id));
    if (message.kind === "hold") this.#tell(this.queue.hold(message.item_id));
    if (message.kind === "resume") this.#tell(this.queue.resume(message.item_id, message.from_ms));
    if (message.kind === "restart") this.#tell(this.queue.restart(message.item_id, message.from_ms));
    if (message.kind === "stop") this.running = false;
  }

  process(_inputs, [output]) {
    const [first, ...others] = output;
    this.#tell(this.queue.render(first));
    for (const channel of others) channel.set(first);
    this.unmetered += first.length;
    if (this.unmetered >= (LEVEL_EVERY_MS * sampleRate) / 1000) {
      this.unmetered = 0;
      this.port.postMessage({ kind: "level", level_dbfs: levelDbfs(first) });
    }
    return this.running;
  }

  #tell(reports) {
    for (const report of reports) this.port.postMessage(report);
  }
}

registerProcessor("interlocutor-playout", PlayoutProcessor);
