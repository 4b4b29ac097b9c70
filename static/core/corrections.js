/** What candidates say that they said where they were not heard clearly: kept on this computer alone, by role-play. */

const PREFIX = "interlocutor.corrections.";
const MOST_LETTERS = 80;

export class Corrections {
  #storage;
  #key;
  #words;

  /** `storage` is like localStorage, or null where there is none: then they last as long as the page. */
  constructor(session_id, storage) {
    this.#storage = storage;
    this.#key = PREFIX + session_id;
    this.#words = this.#read();
  }

  /** Return what was written for a word of a turn, or null. */
  at(turn, word) {
    return this.#words[`${turn}.${word}`] ?? null;
  }

  /** Keep what was written for a word; an empty text takes it back. */
  put(turn, word, text) {
    const plain = text.replace(/\s+/g, " ").trim().slice(0, MOST_LETTERS);
    if (plain) this.#words[`${turn}.${word}`] = plain;
    else delete this.#words[`${turn}.${word}`];
    this.#write();
  }

  /** Forget all of them. */
  forget() {
    this.#words = {};
    this.#write();
  }

  #read() {
    try {
      const kept = JSON.parse(this.#storage.getItem(this.#key)) ?? {};
      const entries = Object.entries(kept).filter(([place, text]) => /^\d+\.\d+$/.test(place) && typeof text === "string");
      return Object.fromEntries(entries.map(([place, text]) => [place, text.slice(0, MOST_LETTERS)]));
    } catch {
      return {}; // no storage, or something else in it
    }
  }

  #write() {
    try {
      if (Object.keys(this.#words).length === 0) this.#storage.removeItem(this.#key);
      else this.#storage.setItem(this.#key, JSON.stringify(this.#words));
    } catch {
      // The page still has them.
    }
  }
}

/** Return the browser's storage, or null where it is forbidden. */
export function localStorageOf(page) {
  try {
    return page.localStorage;
  } catch {
    return null;
  }
}
