/** The page's side of the Realtime protocol: messages out as text, events in as checked objects. */

import { bytesToBase64 } from "./base64.js";

/** Return the subprotocols that carry a join token, or null where a ticket is enough; browsers send no headers with a WebSocket. */
export function subprotocols(token) {
  return token === null ? ["realtime"] : ["realtime", `openai-insecure-api-key.${token}`];
}

/**
 * Return the address to connect to: the server's path on the host the page came from.
 *
 * A server behind a proxy may not know its outside name; the page's own host is the one that certainly works.
 */
export function socketAddress(url, location) {
  const given = new URL(url, location.href);
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return `${scheme}//${location.host}${given.pathname}${given.search}`;
}

/** Messages that the page sends, as text. */
export const outgoing = {
  /** `echo_cancellation`: whether the microphone's sound is free of the loudspeaker's; null if nobody knows. `resume`: come back. */
  configure: (echo_cancellation = null, resume = false) =>
    JSON.stringify({
      type: "interlocutor.client.configure",
      playout_acks: true,
      ...(resume ? { resume } : {}),
      ...(echo_cancellation === null ? {} : { echo_cancellation }),
    }),
  append: (pcm, late_ms = null) => {
    const bytes = new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
    return JSON.stringify({ type: "input_audio_buffer.append", audio: bytesToBase64(bytes), ...(late_ms === null ? {} : { late_ms }) });
  },
  playout: (item_id, played_ms) => JSON.stringify({ type: "interlocutor.playout", item_id, played_ms }),
  /** What comes over a call is heard so much later. */
  delay: (delay_ms) => JSON.stringify({ type: "interlocutor.playout.delay", delay_ms }),
  /** The page is there though there is no sound to send. */
  pulse: () => JSON.stringify({ type: "interlocutor.pulse" }),
  end: () => JSON.stringify({ type: "interlocutor.session.end" }),
};

// What the page relies on in each event. Other events and other fields are welcome and ignored.
const NEEDED = {
  "input_audio_buffer.speech_started": { item_id: "string" },
  "input_audio_buffer.speech_stopped": { item_id: "string" },
  "conversation.item.added": { item: "object" },
  "conversation.item.done": { item: "object" },
  "conversation.item.input_audio_transcription.delta": { item_id: "string", delta: "string" },
  "conversation.item.input_audio_transcription.completed": { item_id: "string", transcript: "string" },
  "conversation.item.truncated": { item_id: "string" },
  "response.created": { response: "object" },
  "response.output_item.added": { item: "object" },
  "response.output_audio.delta": { item_id: "string", delta: "string" },
  "response.output_audio.done": { item_id: "string" },
  "response.output_audio_transcript.delta": { item_id: "string", delta: "string" },
  "response.output_audio_transcript.done": { item_id: "string", transcript: "string" },
  "response.done": { response: "object" },
  error: { error: "object" },
  "interlocutor.session.started": { session_s: "number" },
  "interlocutor.transcript.partial": { item_id: "string", text: "string", stable_words: "number" },
  "interlocutor.turn.ignored": { turn: "number" },
  "interlocutor.turn.latency": { voice_to_voice_ms: "number" },
  "interlocutor.playout.clear": { item_id: "string" },
  "interlocutor.playout.hold": { item_id: "string" },
  "interlocutor.playout.resume": { item_id: "string", from_ms: "number" },
  "interlocutor.playout.restart": { item_id: "string", from_ms: "number" },
  "interlocutor.session.resumed": { received_ms: "number" },
  "interlocutor.problem": { code: "string" },
  "interlocutor.server.stopping": { within_s: "number", message: "string" },
  "interlocutor.session.paused": { paused: "boolean", left_ms: "number" },
  "interlocutor.session.observed": { following: "number", listening: "number" },
  "interlocutor.session.ended": { reason: "string" },
};

/** Return the event in a server's message, or null when it is not one that the page can rely on. */
export function parseEvent(text) {
  let event;
  try {
    event = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof event !== "object" || event === null || typeof event.type !== "string") return null;
  for (const [field, type] of Object.entries(NEEDED[event.type] ?? {})) {
    if (typeof event[field] !== type || event[field] === null) return null;
  }
  return event;
}

// The reply, the turn or the role-play ended while the page's message about it was on its way: nobody made a mistake.
const CROSSED = new Set(["response_cancel_not_active", "input_audio_buffer_commit_empty", "session.over"]);

/** Return whether the server tells of a mistake, for whoever looks at the console. */
export const isFault = (event) => event.type === "error" && !CROSSED.has(event.error.code);
