/**
 * Whose turn it is, as the page shows it: a small machine over the server's events and what is really being played.
 *
 *     connecting -> listening -> hearing -> thinking -> speaking -> listening ... -> ended
 *
 * The server decides; this only says it to the person. "speaking" begins when sound is heard, not when it arrives.
 */

/** The states, in the order of a turn. */
export const STATES = ["connecting", "listening", "hearing", "thinking", "speaking", "ended"];

// A pause of the patient's sound that is shorter is not shown: most end with the patient going on.
const HOLD_SHOWN_MS = 400;

// The server may find that what it heard was a cough and say nothing; then it is the candidate's turn again.
const NO_ANSWER_MS = 8000;

export class Conversation {
  /** `patient_first`: the patient opens the conversation, so we begin by waiting for it. */
  constructor({ patient_first = false } = {}) {
    this.state = "connecting";
    this.patient_first = patient_first;
    this.responding = false; // a response is on its way
    // Audio of these items was sent and has not been played to its end.
    this.unheard = new Set();
    this.dropped = new Set(); // items the server took back
    this.playing = null; // item that is being heard
    // The patient's audio is paused since then, because the candidate may be taking the floor.
    this.held_since_ms = null;
    this.hold_shown = false; // so long that it was shown as hearing
    this.since_ms = 0;
    this.last_latency_ms = null;
    this.turns = 0; // of the candidate
    this.ended_reason = null;
  }

  /** Take a server event at `now_ms` (monotonic); return true when the state changed. */
  receive(event, now_ms) {
    const before = this.state;
    switch (event.type) {
      case "interlocutor.session.started":
        if (this.state === "connecting") this.#go(this.patient_first ? "thinking" : "listening", now_ms);
        break;
      case "input_audio_buffer.speech_started":
        this.held_since_ms = null; // the floor is the candidate's now
        this.hold_shown = false;
        this.turns += 1;
        this.#go("hearing", now_ms);
        break;
      case "input_audio_buffer.speech_stopped":
        if (this.state === "hearing") this.#go("thinking", now_ms);
        break;
      case "interlocutor.turn.ignored":
        if (this.state === "thinking") this.#rest(now_ms);
        break;
      case "response.created":
        this.responding = true;
        if (this.state === "listening") this.#go("thinking", now_ms);
        break;
      case "response.done":
        this.responding = false;
        // A reply that was cancelled before it was heard ends nothing that the person sees.
        if (event.response.status !== "cancelled" || this.state === "speaking") this.#rest(now_ms);
        break;
      case "response.output_audio.delta":
        if (!this.dropped.has(event.item_id)) this.unheard.add(event.item_id);
        break;
      case "interlocutor.playout.clear":
        this.dropped.add(event.item_id);
        break;
      case "interlocutor.turn.latency":
        this.last_latency_ms = event.voice_to_voice_ms;
        break;
      case "interlocutor.session.ended":
        this.ended_reason = event.reason;
        this.#go("ended", now_ms);
        break;
      default:
    }
    return this.state !== before;
  }

  /** Take a report of the playout queue; return true when the state changed. */
  played(report, now_ms) {
    const before = this.state;
    if (report.kind === "held") {
      this.held_since_ms ??= now_ms;
      return false;
    }
    if (report.kind === "resumed") {
      this.#letGo("speaking", now_ms);
      return this.state !== before;
    }
    if (report.kind === "started") {
      this.playing = report.item_id;
      if (this.state !== "hearing") this.#go("speaking", now_ms);
    } else if (report.kind === "ended" || report.kind === "cleared") {
      this.unheard.delete(report.item_id);
      if (report.item_id === this.playing) {
        this.playing = null;
        this.#letGo("listening", now_ms);
      }
      if (this.state === "speaking") this.#rest(now_ms);
    }
    return this.state !== before;
  }

  /** Let time pass; return true when the state changed. */
  tick(now_ms) {
    if (this.state === "speaking" && this.held_since_ms !== null && now_ms - this.held_since_ms >= HOLD_SHOWN_MS) {
      this.hold_shown = true;
      this.#go("hearing", now_ms);
      return true;
    }
    if (this.state !== "thinking" || now_ms - this.since_ms < NO_ANSWER_MS) return false;
    this.#rest(now_ms);
    return this.state !== "thinking";
  }

  /** The patient's sound is not held any more. */
  #letGo(state, now_ms) {
    if (this.hold_shown) this.#go(state, now_ms);
    this.held_since_ms = null;
    this.hold_shown = false;
  }

  /** The patient has nothing more to say: the candidate may speak, unless it does already. */
  #rest(now_ms) {
    const patient_busy = this.responding || this.unheard.size > 0;
    if (!patient_busy && this.state !== "hearing" && this.state !== "connecting") this.#go("listening", now_ms);
  }

  #go(state, now_ms) {
    if (this.state === "ended" || this.state === state) return;
    this.state = state;
    this.since_ms = now_ms;
  }
}
