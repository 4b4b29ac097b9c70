/** The notes and ticks of one part of an exam, kept in the tab, so that a page that is loaded anew still has them. */

const KEY = "interlocutor.exam.notes";

export class PartNotes {
  #store;
  #kept; // {exam, part, text, done}

  /** `store` is the tab's sessionStorage, or null; what it has of another part is not shown. */
  constructor(store, exam_id, part) {
    this.#store = store;
    const found = this.#read();
    this.#kept = found?.exam === exam_id && found.part === part ? found : { exam: exam_id, part, text: "", done: [] };
  }

  /** The part that they are of. */
  get part() {
    return this.#kept.part;
  }

  get text() {
    return this.#kept.text;
  }

  set text(text) {
    this.#change({ text });
  }

  /** The places of the tasks that are ticked. */
  get done() {
    return this.#kept.done;
  }

  set done(done) {
    this.#change({ done });
  }

  /** Keep nothing any more. */
  forget() {
    try {
      this.#store.removeItem(KEY);
    } catch {
      // No storage: nothing was kept.
    }
  }

  #read() {
    try {
      const found = JSON.parse(this.#store.getItem(KEY));
      return typeof found?.text === "string" && Array.isArray(found.done) ? found : null;
    } catch {
      return null; // no storage, or something else in it
    }
  }

  #change(what) {
    this.#kept = { ...this.#kept, ...what };
    try {
      this.#store.setItem(KEY, JSON.stringify(this.#kept));
    } catch {
      // No storage, or it is full: then they last as long as the page.
    }
  }
}
