/** Advice on the candidate's sound: kept until nobody speaks, and given once. */

// While the candidate speaks a screen reader would speak into the microphone, while the patient speaks over the patient.
const QUIET_STATE = "listening";

export class Advice {
  #waiting = [];
  #given = new Set();

  /** Take an event of the server; others than advice are left alone. */
  receive(event) {
    if (event.type !== "interlocutor.sound.advice" || this.#given.has(event.kind)) return;
    this.#given.add(event.kind);
    this.#waiting.push({ kind: event.kind, message: event.message });
  }

  /** Return what may be shown now that the conversation is in `state`: [{kind, message}], each once. */
  due(state) {
    return state === QUIET_STATE ? this.#waiting.splice(0) : [];
  }
}
