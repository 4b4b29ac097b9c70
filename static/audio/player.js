/** The loudspeaker: plays items of sound in order and tells what was really heard. */

const WORKLET = new URL("./playout_worklet.js", import.meta.url);

export class Player {
  #context;
  #node = null;

  constructor(context) {
    this.#context = context;
    this.onreport = () => {}; // ({kind: started|progress|held|resumed|ended|cleared, item_id, played_ms})
    this.level_dbfs = -Infinity;
  }

  /** Load the audio thread's part. */
  async start() {
    if (this.#node) return;
    await this.#context.audioWorklet.addModule(WORKLET);
    this.#node = new AudioWorkletNode(this.#context, "interlocutor-playout", {
      numberOfInputs: 0,
      outputChannelCount: [1],
    });
    this.#node.port.onmessage = ({ data }) => this.#hear(data);
    this.#node.connect(this.#context.destination);
  }

  /** Queue float samples at the wire's rate. */
  enqueue(item_id, samples) {
    this.#node?.port.postMessage({ kind: "enqueue", item_id, samples }, [samples.buffer]);
  }

  /** Nothing more of the item will come. */
  complete(item_id) {
    this.#node?.port.postMessage({ kind: "complete", item_id });
  }

  /** Drop the item's sound now. */
  clear(item_id) {
    this.#node?.port.postMessage({ kind: "clear", item_id });
  }

  /** Fall silent within the item, and report where. */
  hold(item_id) {
    this.#node?.port.postMessage({ kind: "hold", item_id });
  }

  /** Go on with an item that is held, from that place of its sound. */
  resume(item_id, from_ms) {
    this.#node?.port.postMessage({ kind: "resume", item_id, from_ms });
  }

  /** Drop all of an item's sound: what comes from now on begins at that place. */
  restart(item_id, from_ms) {
    this.#node?.port.postMessage({ kind: "restart", item_id, from_ms });
  }

  /** Stop for good. */
  stop() {
    this.#node?.port.postMessage({ kind: "stop" });
    this.#node?.disconnect();
    this.#node = null;
  }

  #hear(message) {
    if (message.kind === "level") {
      this.level_dbfs = message.level_dbfs;
      return;
    }
    // What was rendered is heard a little later: by much more than a syllable with wireless headphones. It will be heard
    // even so where an item is held: its place counts as it is.
    const delay_ms = 1000 * (this.#context.outputLatency || 0);
    if (message.kind === "progress") {
      const played_ms = Math.round(Math.max(0, message.played_ms - delay_ms));
      this.onreport({ ...message, played_ms });
    } else if (message.kind === "ended") {
      setTimeout(() => this.onreport(message), delay_ms);
    } else {
      this.onreport(message);
    }
  }
}
