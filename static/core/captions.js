/**
 * Captions of both sides, put together from transcript events.
 *
 * Lines are kept in the order of the conversation. A candidate's line has words that will not change any more and
 * words that may; a patient's line grows as it is spoken.
 */

import { unclearWords } from "./clarity.js";

const words = (text) => text.split(/\s+/).filter(Boolean);

export class Captions {
  constructor() {
    // Each line is {item_id, role, stable, unclear, tentative, done, interrupted, typed}.
    this.lines = [];
  }

  /** Take a server event; return the line that changed, or null. */
  receive(event) {
    switch (event.type) {
      case "input_audio_buffer.speech_started":
        return this.#line(event.item_id, "candidate");
      case "conversation.item.added":
      case "conversation.item.done":
      case "response.output_item.added":
        return this.#item(event.item);
      case "conversation.item.input_audio_transcription.delta":
        return this.#stable(this.#line(event.item_id, "candidate"), event.delta);
      case "interlocutor.transcript.partial":
        return this.#partial(this.#line(event.item_id, "candidate"), event);
      case "interlocutor.turn.ignored":
        return this.#ignore(event.turn);
      case "conversation.item.input_audio_transcription.completed":
        return this.#complete(this.#line(event.item_id, "candidate"), event.transcript, event.logprobs);
      case "response.output_audio_transcript.delta":
        return this.#append(this.#line(event.item_id, "patient"), event.delta);
      case "response.output_audio_transcript.done":
        return this.#complete(this.#line(event.item_id, "patient"), event.transcript);
      case "conversation.item.truncated":
        return this.#interrupt(event.item_id);
      default:
        return null;
    }
  }

  /** The lines that have something to show. */
  get visible() {
    return this.lines.filter((line) => line.stable || line.tentative);
  }

  #line(item_id, role) {
    let line = this.lines.find((known) => known.item_id === item_id);
    if (!line) {
      line = { item_id, role, stable: "", unclear: [], tentative: "", done: false, interrupted: false, typed: false };
      Object.assign(line, { turn: null, confirmed: "", hypothesis: [], agreed: 0 }); // what the two texts are composed of
      this.lines.push(line);
    }
    return line;
  }

  #item(item) {
    if (typeof item.id !== "string" || (item.role !== "user" && item.role !== "assistant")) return null;
    const line = this.#line(item.id, item.role === "user" ? "candidate" : "patient");
    // After an interruption the finished item holds what was really heard, which is less than what was sent.
    const heard = (item.content ?? []).map((part) => part?.transcript).find((text) => typeof text === "string");
    if (line.interrupted && heard) line.stable = heard;
    // What was not spoken ("please repeat") comes whole.
    const typed = (item.content ?? []).find((part) => part?.type === "input_text")?.text;
    if (typeof typed === "string") Object.assign(this.#complete(line, typed), { typed: true });
    return line;
  }

  #stable(line, delta) {
    line.confirmed += delta;
    return this.#compose(line);
  }

  #partial(line, { turn, text, stable_words }) {
    line.turn = turn;
    line.hypothesis = words(text);
    line.agreed = stable_words;
    return this.#compose(line);
  }

  /** Confirmed words are never taken back, even where a provisional text has them otherwise. */
  #compose(line) {
    if (line.done) return line; // the final text is known; this came late
    const confirmed = words(line.confirmed);
    const sure = Math.max(line.agreed, confirmed.length);
    line.stable = [...confirmed, ...line.hypothesis.slice(confirmed.length, sure)].join(" ");
    line.tentative = line.hypothesis.slice(sure).join(" ");
    return line;
  }

  /** What was taken for speech was none (a cough, an "mm"): its provisional words go away again. */
  #ignore(turn) {
    const index = this.lines.findIndex((line) => line.role === "candidate" && line.turn === turn && !line.done);
    return index < 0 ? null : this.lines.splice(index, 1)[0];
  }

  #append(line, delta) {
    if (!line.done) line.stable += delta;
    return line;
  }

  #complete(line, transcript, logprobs = null) {
    line.stable = transcript.trim();
    line.unclear = unclearWords(transcript, logprobs); // indices of words
    line.tentative = "";
    line.done = true;
    return line;
  }

  #interrupt(item_id) {
    const line = this.lines.find((known) => known.item_id === item_id);
    if (!line) return null;
    line.interrupted = true;
    line.done = true;
    return line;
  }
}
