/** Notes of one role-play: what the server has, and what is still on its way to it; without a page. */

const HEX = "0123456789abcdef";

/** Return a name for a note that nobody else gives one. */
export function noteId(random = (bytes) => crypto.getRandomValues(bytes)) {
  return Array.from(random(new Uint8Array(16)), (byte) => HEX[byte >> 4] + HEX[byte & 15]).join("");
}

export class NoteBook {
  #rows = new Map();
  #waiting = [];
  #send;
  #sending = false;

  /** `send(note)` resolves to the note as it was kept; it rejects with a Problem, whose `status` says if it was refused. */
  constructor(send) {
    this.#send = send;
    this.onchange = () => {};
    this.onrefused = () => {}; // (note, problem)
  }

  /** Take what the server has. */
  take(rows) {
    for (const row of rows) this.#rows.set(row.id, row);
    this.onchange();
  }

  /** Write something down, at media time `at_ms`; it is sent at once, and again until it has arrived. */
  write(kind, at_ms, text = "", withdraws = null) {
    const note = { id: noteId(), kind, at_ms: Math.max(0, Math.round(at_ms)), text, ...(withdraws ? { withdraws } : {}) };
    this.#rows.set(note.id, { ...note, own: true, author: "", withdraws, unsent: true });
    this.#waiting.push(note);
    this.onchange();
    this.flush();
    return note;
  }

  /** Send what waits, in its order; stops at the first that can't be sent now. */
  async flush() {
    if (this.#sending) return;
    this.#sending = true;
    try {
      while (this.#waiting.length > 0) {
        const note = this.#waiting[0];
        try {
          this.#rows.set(note.id, await this.#send(note));
        } catch (problem) {
          if (!(problem.status >= 400 && problem.status < 500 && problem.status !== 429)) return;
          this.#rows.delete(note.id);
          this.onrefused(note, problem);
        }
        this.#waiting.shift();
        this.onchange();
      }
    } finally {
      this.#sending = false;
    }
  }

  /** How many are not on the server yet. */
  get unsent() {
    return this.#waiting.length;
  }

  /** The notes that count, by their time in the role-play. */
  get notes() {
    const gone = new Set([...this.#rows.values()].filter(({ kind }) => kind === "withdrawn").map(({ withdraws }) => withdraws));
    return [...this.#rows.values()].filter(({ id, kind }) => kind !== "withdrawn" && !gone.has(id)).sort((a, b) => a.at_ms - b.at_ms);
  }
}
