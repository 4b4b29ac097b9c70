/** Notes of one role-play: what the server has, and what is still on its way to it; without a page. */

const HEX = "0123456789abcdef";
const RETRY_MS = 1000;

/** Return a name for a note that nobody else gives one. */
export function noteId(random = (bytes) => crypto.getRandomValues(bytes)) {
  return Array.from(random(new Uint8Array(16)), (byte) => HEX[byte >> 4] + HEX[byte & 15]).join("");
}

/** The note books of this page, one for each role-play: what is on its way stays so when its screen is left. */
export class NoteBooks {
  #books = new Map();
  #send;

  /** `send(id, note)` sends a note on a role-play, as that of a NoteBook. */
  constructor(send) {
    this.#send = send;
  }

  /** Return the book of a role-play. */
  of(id) {
    if (!this.#books.has(id)) this.#books.set(id, new NoteBook((note) => this.#send(id, note)));
    return this.#books.get(id);
  }
}

export class NoteBook {
  #rows = new Map();
  #waiting = [];
  #send;
  #sending = false;
  #retry = 0;
  #retry_ms;

  /** `send(note)` resolves to the note as it was kept; it rejects with a Problem, whose `status` says if it was refused. */
  constructor(send, { retry_ms = RETRY_MS } = {}) {
    this.#send = send;
    this.#retry_ms = retry_ms;
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

  /** Send what waits, in its order; stops at the first that can't be sent now, and tries again a little later. */
  async flush() {
    if (this.#sending) return;
    clearTimeout(this.#retry);
    this.#sending = true;
    try {
      while (this.#waiting.length > 0) {
        const note = this.#waiting[0];
        try {
          this.#rows.set(note.id, await this.#send(note));
        } catch (problem) {
          if (!(problem.status >= 400 && problem.status < 500 && problem.status !== 429)) {
            this.#retry = setTimeout(() => this.flush(), this.#retry_ms);
            return;
          }
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
