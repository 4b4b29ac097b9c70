/** The runs that were made, kept in this browser until they are deleted. */

const KEY = "interlocutor.lab.runs";

export class RunStore {
  #storage;

  /** `storage` is like localStorage; null: nothing outlasts the page. */
  constructor(storage) {
    this.#storage = storage;
    this.runs = read(storage);
    this.kept = true; // whether all of it is really kept
  }

  /** Take a run {id, name, ...}; one of the same id is replaced. */
  put(run) {
    const index = this.runs.findIndex(({ id }) => id === run.id);
    if (index < 0) this.runs.push(run);
    else this.runs[index] = run;
    this.#write();
  }

  /** Delete a run. */
  remove(id) {
    this.runs = this.runs.filter((run) => run.id !== id);
    this.#write();
  }

  /** Delete all. */
  clear() {
    this.runs = [];
    this.#write();
  }

  #write() {
    try {
      this.#storage?.setItem(KEY, JSON.stringify(this.runs));
      this.kept = this.#storage !== null;
    } catch {
      // The store is full, or forbidden. The page goes on with what it has.
      this.kept = false;
    }
  }
}

function read(storage) {
  try {
    const found = JSON.parse(storage?.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? found.filter((run) => typeof run?.id === "string" && Array.isArray(run.repeats)) : [];
  } catch {
    return [];
  }
}
