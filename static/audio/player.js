/** The loudspeaker: plays items of sound in order and tells what was really heard. */

const WORKLET = new URL("./playout_worklet.js", import.meta.url);

export class Player {
  #context;
  #node = null;

  constructor(context) {
    this.#context = context;
    // It is given {kind: started|progress|drained|held|resumed|ended|cleared, item_id, played_ms}.
    this.onreport = () => {};
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
    this.obey({ kind: "enqueue", item_id, samples });
  }

  /** Nothing more of the item will come. */
  complete(item_id) {
    this.obey({ kind: "complete", item_id });
  }

  /** Carry out an order of the server's, as `playoutOrder` returns it. */
  obey(order) {
    this.#node?.port.postMessage(order, order.samples ? [order.samples.buffer] : []);
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
    } else if (message.kind === "ended" || message.kind === "drained") {
      setTimeout(() => this.onreport(message), delay_ms);
    } else {
      this.onreport(message);
    }
  }
}
