/** What the server's events ask of the loudspeaker. */

import { base64ToBytes } from "./base64.js";
import { bytesToFloat } from "./pcm.js";

const KINDS = {
  "response.output_audio.delta": "enqueue",
  "response.output_audio.done": "complete",
  "interlocutor.playout.clear": "clear",
  "interlocutor.playout.hold": "hold",
  "interlocutor.playout.resume": "resume",
  "interlocutor.playout.restart": "restart",
};

/** Reports of the loudspeaker that the server is told: how much was heard. */
export const TOLD = new Set(["progress", "drained", "held", "ended"]);

/** Return the playout worklet's message for an event: {kind, item_id, samples?, from_ms?}; null if the event asks for nothing. */
export function playoutOrder({ type, item_id, from_ms, bytes, delta }) {
  const kind = KINDS[type];
  if (!kind) return null;
  if (kind === "enqueue") return { kind, item_id, samples: bytesToFloat(bytes ?? base64ToBytes(delta)) };
  return kind === "resume" || kind === "restart" ? { kind, item_id, from_ms } : { kind, item_id };
}
