/** A run's conversation over the WebSocket: sound as messages, the patient's through the playout of the candidate's page. */

import { base64ToBytes } from "../core/base64.js";
import { bytesToFloat } from "../core/pcm.js";
import { outgoing } from "../core/protocol.js";
import { RealtimeLink } from "../net/realtime_link.js";

const TOLD = new Set(["progress", "held", "ended"]); // reports of the loudspeaker that the server is told
const STUCK_BYTES = 2_000_000; // 30 s of sound that does not leave

export class SocketTalk {
  #sound;
  #link = new RealtimeLink();

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
    await this.#link.connect(session, outgoing.configure(true), { binary: false });
  }

  /** Send text of the protocol. */
  send(text) {
    this.#link.send(text);
  }

  /** Take 20 ms of the candidate; returns false when the network does not take any more. */
  push(pcm) {
    this.#link.send(outgoing.append(pcm));
    return this.#link.buffered_bytes < STUCK_BYTES;
  }

  close() {
    this.#link.close();
  }

  #receive(event) {
    const { type, item_id } = event;
    if (type === "response.output_audio.delta") {
      const samples = bytesToFloat(base64ToBytes(event.delta));
      this.#sound.playout({ kind: "enqueue", item_id, samples }, [samples.buffer]);
    }
    if (type === "response.output_audio.done") this.#sound.playout({ kind: "complete", item_id });
    if (type === "interlocutor.playout.clear") this.#sound.playout({ kind: "clear", item_id });
    if (type === "interlocutor.playout.hold") this.#sound.playout({ kind: "hold", item_id });
    if (type === "interlocutor.playout.resume") this.#sound.playout({ kind: "resume", item_id, from_ms: event.from_ms });
    this.onevent(event);
  }

  #played({ kind, item_id, played_ms }) {
    if (TOLD.has(kind)) this.#link.send(outgoing.playout(item_id, played_ms));
  }
}
