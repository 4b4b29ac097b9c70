/** A run's conversation over the WebSocket: sound as messages, the patient's through the playout of the candidate's page. */

import { playoutOrder, TOLD } from "../core/playout_orders.js";
import { outgoing } from "../core/protocol.js";
import { RealtimeLink } from "../net/realtime_link.js";

const STUCK_BYTES = 1_500_000; // 30 s of sound that does not leave

export class SocketTalk {
  #sound;
  #link = new RealtimeLink();
  #heard = null; // {item_id, played_ms}

  /** The server counts the very samples that are sent: times on both sides can be set against each other. */
  same_clock = true;

  /** TCP hides what the network does. */
  network = null;

  constructor(sound) {
    this.#sound = sound;
    this.onevent = () => {}; // (event)
    this.onclosed = () => {}; // (Problem)
  }

  /** Connect; nothing is said yet. Rejects with a Problem. */
  async connect(session) {
    this.#link.onevent = (event) => this.#receive(event);
    this.#link.onclosed = (problem) => this.onclosed(problem);
    this.#sound.onreport = (report) => this.#played(report);
    // No loudspeaker and no microphone: nothing of the patient's sound comes back.
    await this.#link.connect(session, outgoing.configure(true));
  }

  /** Send text of the protocol. */
  send(text) {
    this.#link.send(text);
  }

  /** Take 20 ms of the candidate; returns false when the network does not take any more. */
  push(pcm) {
    this.#link.send(this.#link.sound(pcm, this.#heard));
    return this.#link.buffered_bytes < STUCK_BYTES;
  }

  close() {
    this.#link.close();
  }

  #receive(event) {
    const order = playoutOrder(event);
    if (order) this.#sound.playout(order);
    this.onevent(event);
  }

  #played({ kind, item_id, played_ms }) {
    if (!TOLD.has(kind)) return;
    this.#heard = { item_id, played_ms };
    if (kind !== "progress" || !this.#link.binary) this.#link.send(outgoing.playout(item_id, played_ms));
  }
}
