/** Notes of one role-play: what the server has, and what is still on its way to it; without a page. */

const HEX = "0123456789abcdef";
const RETRY_MS = 1000;
const KEY = "interlocutor.desk.unsent.";

/** Return a name for a note that nobody else gives one. */
export function noteId(random = (bytes) => crypto.getRandomValues(bytes)) {
  return Array.from(random(new Uint8Array(16)), (byte) => HEX[byte >> 4] + HEX[byte & 15]).join("");
}

/** The note books of this page, one for each role-play: what is on its way stays so when its screen is left. */
export class NoteBooks {
  #books = new Map();
  #send;
  #store;

  /**
   * `send(id, note)` sends a note on a role-play, as that of a NoteBook. `store` is the tab's sessionStorage, or null: what
   * is still on its way when the page is loaded again lies there.
   */
  constructor(send, store = null) {
    this.#send = send;
    this.#store = store;
  }

  /** Return the book of a role-play. */
  of(id) {
    if (!this.#books.has(id)) {
      const unsent = new Unsent(this.#store, KEY + id);
      this.#books.set(id, new NoteBook((note) => this.#send(id, note), { unsent }));
    }
    return this.#books.get(id);
  }
}

/** What was not sent yet, in the tab. */
class Unsent {
  #store;
  #key;

  constructor(store, key) {
    this.#store = store;
    this.#key = key;
  }

  read() {
    try {
      const found = JSON.parse(this.#store.getItem(this.#key));
      return Array.isArray(found) ? found.filter((note) => typeof note?.id === "string" && Number.isFinite(note.at_ms)) : [];
    } catch {
      return []; // no storage, or something else in it
    }
  }

  write(notes) {
    try {
      if (notes.length > 0) this.#store.setItem(this.#key, JSON.stringify(notes));
      else this.#store.removeItem(this.#key);
    } catch {
      // No storage, or it is full: then they last as long as the page.
    }
  }
}

export class NoteBook {
  #rows = new Map();
  #waiting = [];
  #send;
  #sending = false;
  #retry = 0;
  #retry_ms;
  #unsent;

  /** `send(note)` resolves to the note as it was kept; it rejects with a Problem, whose `status` says if it was refused. */
  constructor(send, { retry_ms = RETRY_MS, unsent = new Unsent(null, KEY) } = {}) {
    this.#send = send;
    this.#retry_ms = retry_ms;
    this.#unsent = unsent;
    this.onchange = () => {};
    this.onrefused = () => {}; // (note, problem)
    for (const note of unsent.read()) this.#queue(note);
    if (this.#waiting.length > 0) this.flush();
  }

  /** Take what the server has. */
  take(rows) {
    for (const row of rows) this.#rows.set(row.id, row);
    this.onchange();
  }

  /** Write something down, at media time `at_ms`; it is sent at once, and again until it has arrived. */
  write(kind, at_ms, text = "", withdraws = null) {
    const note = { id: noteId(), kind, at_ms: Math.max(0, Math.round(at_ms)), text, ...(withdraws ? { withdraws } : {}) };
    this.#queue(note);
    this.#unsent.write(this.#waiting);
    this.onchange();
    this.flush();
    return note;
  }

  #queue(note) {
    this.#rows.set(note.id, { ...note, own: true, author: "", withdraws: note.withdraws ?? null, unsent: true });
    this.#waiting.push(note);
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
        this.#unsent.write(this.#waiting);
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
