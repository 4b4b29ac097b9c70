/**
 * The simulated candidate: knows when to speak the next turn, and writes down what came of each.
 *
 * All times are milliseconds of one clock, the page's sound: what is said and what is heard are on it to the sample.
 */

// People answer within 200 ms. Non-native speakers in an exam take longer.
export const NATURAL_GAP_MS = 500;
// After this time the turn counts as unanswered, and the next one is spoken.
export const ANSWER_TIMEOUT_MS = 15000;
export const OPENING_WAIT_MS = 400; // a patient who speaks first has begun by then
// The page listens so long after the last reply, for answers that should not come.
export const TAIL_MS = 1000;

const PARTS = ["endpoint", "recognise", "respond", "speak", "deliver"];
const numberOf = (id) => Number(String(id ?? "").replace(/\D/g, "")) || 0;

export class Candidate {
  #current = -1; // index of the turn that was begun last
  #begun_ms;
  #speaking = false;
  #replies = new Map(); // number -> {turn, audible}
  #open = null; // number of the reply under way
  #sounding = false;
  #onset_ms = null; // of sound that belongs to no reply yet
  #quiet_ms = 0;
  #network = null;

  /** `turns` as planned; `same_clock`: whether the server's media time counts the very samples that were sent. */
  constructor(turns, { now_ms, same_clock = true, as_recorded = false }) {
    this.#begun_ms = now_ms;
    this.same_clock = same_clock;
    this.as_recorded = as_recorded;
    this.results = turns.map((turn) => ({
      turn,
      heard: [],
      numbers: [], // of the turns that it was taken for, as the session counts
      waits: null, // why each of them was waited for, once the server has said
      said: [],
      voice_to_voice_ms: null,
      timing: null, // interlocutor.turn.latency
      timeline: null, // interlocutor.turn.timeline
      // {buffer_ms, lost, round_trip_ms} when the answer could be heard. Not every transport tells them.
      network: null,
      voiced_end_ms: null, // in the session's media time
      voiced_end_at_ms: null, // on the page's clock
    }));
    this.troubles = [];
    this.over = null; // why the session ended, if it did
  }

  /** What is going on: "opening", "speaking", "waiting" (for an answer), "listening" or "between". */
  get state() {
    if (this.#speaking) return "speaking";
    if (this.#open !== null || this.#sounding) return "listening";
    if (this.#current < 0) return "opening";
    return this.results[this.#current].said.length > 0 ? "between" : "waiting";
  }

  get current() {
    return this.#current;
  }

  /** Return the index of the turn to begin now, or null. */
  next(now_ms) {
    const index = this.#current + 1;
    if (this.over !== null || this.as_recorded || index >= this.results.length || !this.#quiet) return null;
    if (this.#current < 0) return now_ms >= this.#begun_ms + OPENING_WAIT_MS && this.#waited(now_ms) ? index : null;
    return this.#waited(now_ms) ? index : null;
  }

  /** Whether nothing more is to be said or heard. */
  finished(now_ms) {
    if (this.over !== null) return true;
    if (this.#current + 1 < this.results.length || !this.#quiet) return false;
    if (this.results.length === 0 || this.results[this.#current].said.length > 0) return now_ms >= this.#quiet_ms + TAIL_MS;
    return this.#waited(now_ms);
  }

  get #quiet() {
    return !this.#speaking && this.#open === null && !this.#sounding;
  }

  #waited(now_ms) {
    const last = this.results[this.#current];
    if (last && last.said.length === 0) return now_ms >= last.voiced_end_at_ms + ANSWER_TIMEOUT_MS;
    return now_ms >= this.#quiet_ms + (this.#replies.size > 0 ? NATURAL_GAP_MS : 0);
  }

  /** Turn `index` begins: its first sample is at `at_ms` on the page's clock and at `media_ms` of what was sent. */
  began(index, at_ms, media_ms) {
    this.#current = index;
    this.#speaking = true;
    const result = this.results[index];
    result.voiced_end_at_ms = at_ms + result.turn.voiced_to_ms;
    result.voiced_end_ms = media_ms + result.turn.voiced_to_ms;
  }

  /** Everything that was to be said so far is said. */
  spoken() {
    this.#speaking = false;
  }

  /** The patient's sound began, or was over, at `at_ms`; `network` is what the transport tells of itself, or null. */
  sound(on, at_ms, network = null) {
    this.#sounding = on;
    this.#network = network;
    if (!on) {
      this.#quiet_ms = Math.max(this.#quiet_ms, at_ms);
      return;
    }
    this.#onset_ms = at_ms;
    this.#claim();
  }

  /** Give the sound to the reply under way, if that has none yet; it may be told of before or after its sound comes. */
  #claim() {
    const reply = this.#replies.get(this.#open);
    if (!reply || reply.audible || this.#onset_ms === null) return;
    reply.audible = true;
    const result = this.results[reply.turn];
    if (result && result.voice_to_voice_ms === null) {
      result.voice_to_voice_ms = this.#onset_ms - result.voiced_end_at_ms;
      result.network = this.#network;
    }
    this.#onset_ms = null;
  }

  /** Take an event of the server; return whether something that is shown has changed. */
  receive(event, now_ms) {
    switch (event.type) {
      case "conversation.item.input_audio_transcription.completed":
        this.results[this.#current]?.heard.push(event.transcript);
        this.results[this.#current]?.numbers.push(numberOf(event.item_id));
        return true;
      case "response.created":
        this.#open = numberOf(event.response.id);
        this.#replies.set(this.#open, { turn: this.#current, audible: false });
        if (!this.#sounding) this.#onset_ms = null;
        this.#claim();
        return true;
      case "response.done":
        return this.#done(event.response, now_ms);
      case "interlocutor.turn.latency":
        return this.#note("timing", [...this.#replies.keys()].at(-1), event);
      case "interlocutor.turn.timeline":
        return this.#note("timeline", numberOf(event.item_id), event);
      case "error":
        this.troubles.push(String(event.error.message ?? event.error.code ?? "error"));
        return true;
      case "interlocutor.problem":
        this.troubles.push(String(event.message ?? event.code));
        return true;
      case "interlocutor.session.ended":
        this.over = event.reason;
        return true;
      default:
        return false;
    }
  }

  /** Take why each turn of the session was waited for; null: the server did not say. */
  explain(waits) {
    for (const result of this.results) {
      result.waits = waits && result.numbers.flatMap((number) => waits.filter(({ turn }) => turn === number));
    }
  }

  #done(response, now_ms) {
    const number = numberOf(response.id);
    if (this.#open === number) this.#open = null;
    this.#quiet_ms = Math.max(this.#quiet_ms, now_ms);
    const texts = (response.output ?? []).flatMap((item) => (item.content ?? []).map((part) => part.transcript ?? ""));
    const result = this.results[this.#replies.get(number)?.turn ?? this.#current];
    result?.said.push(texts.join(" "));
    return true;
  }

  #note(field, number, event) {
    const result = this.results[this.#replies.get(number)?.turn ?? this.#current];
    if (!result || result[field] !== null) return false;
    result[field] = event;
    return true;
  }
}

/** Whether the patient answered before the turn was over, or took it for several. */
export const isCut = (result) => (result.voice_to_voice_ms ?? 0) < 0 || result.heard.length > 1;

/**
 * Return {endpoint, recognise, respond, speak, deliver} in ms, which add up to the page's voice-to-voice; or null.
 *
 * The server's endpoint is moved from the last voiced sample that it found to the true one. Where both count the same
 * samples that is exact; over a track, it is taken to have found what the level of the turn's own samples says. What the
 * server does not see (the way of the sound in both directions, the page's buffer) is in `deliver`.
 */
export function partsOf(result, same_clock) {
  const { timing, voice_to_voice_ms, voiced_end_ms, turn } = result;
  if (timing === null || voice_to_voice_ms === null || typeof timing.parts !== "object") return null;
  // The server judged an earlier end than the one we know.
  if (voice_to_voice_ms < 0 && !same_clock) return null;
  const parts = { ...timing.parts };
  parts.endpoint += same_clock ? timing.last_voiced_ms - voiced_end_ms : turn.found_to_ms - turn.voiced_to_ms;
  parts.deliver = voice_to_voice_ms - parts.endpoint - parts.recognise - parts.respond - parts.speak;
  return PARTS.every((name) => Number.isFinite(parts[name]))
    ? Object.fromEntries(PARTS.map((name) => [name, parts[name]]))
    : null;
}
