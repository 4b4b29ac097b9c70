/** Messages that a person's own wishes need during a role-play, as text. */

// With push-to-talk a pause to think is none of the server's business: the longest it accepts.
const PATIENT_MS = 5000;

export const requests = {
  /** End turns by their pauses, or (push-to-talk) leave it to the key. */
  endTurns: (by_pauses) =>
    JSON.stringify({
      type: "session.update",
      session: {
        type: "realtime",
        audio: { input: { turn_detection: { type: "server_vad", ...(by_pauses ? {} : { silence_duration_ms: PATIENT_MS }) } } },
      },
    }),
  /** The turn is over. */
  commit: () => JSON.stringify({ type: "input_audio_buffer.commit" }),
  /** Say something without a voice, and have it answered: two messages. */
  say: (text) => [
    JSON.stringify({
      type: "conversation.item.create",
      item: { type: "message", role: "user", content: [{ type: "input_text", text }] },
    }),
    JSON.stringify({ type: "response.create" }),
  ],
};
