/** Messages that a person's own wishes need during a role-play, as text. */

export const requests = {
  /** End turns by their pauses, or (push-to-talk) leave their end to the key: then every reply has to be asked for. */
  endTurns: (by_pauses) =>
    JSON.stringify({
      type: "session.update",
      session: { type: "realtime", audio: { input: { turn_detection: by_pauses ? { type: "server_vad" } : null } } },
    }),
  /** The turn is over. */
  commit: () => JSON.stringify({ type: "input_audio_buffer.commit" }),
  /** Now the patient. */
  reply: () => JSON.stringify({ type: "response.create" }),
  /** Have the role-play stand still, or go on. */
  pause: (paused) => JSON.stringify({ type: "interlocutor.session.pause", paused }),
  /** Say something without a voice, and have it answered: two messages. */
  say: (text) => [
    JSON.stringify({
      type: "conversation.item.create",
      item: { type: "message", role: "user", content: [{ type: "input_text", text }] },
    }),
    JSON.stringify({ type: "response.create" }),
  ],
};
