/**
 * The role-plays that were held in this browser: what its person can come back to where the server knows nobody.
 *
 * An entry is {id, token, card_id, card_title, mode, began_ms, told, all, missed}: `token` opens it on the server, and the
 * last three are what was found out, null until that is known.
 */

const KEY = "interlocutor.role-plays";
const MOST = 200;
const DAY_MS = 86400000;

const isEntry = (one) => typeof one?.id === "string" && typeof one.card_id === "string" && Number.isFinite(one.began_ms);
const byTime = (one, other) => other.began_ms - one.began_ms;

export class Journal {
  #storage;
  #key;
  #entries = []; // where the browser keeps nothing

  /** `storage` is like localStorage, or null; `person_id` is whose it is where somebody is logged in. */
  constructor(storage, person_id = null) {
    this.#storage = storage;
    this.#key = person_id === null ? KEY : `${KEY}.${person_id}`;
    this.kept = storage !== null; // whether what was put last is really kept
    this.#entries = this.#read() ?? [];
  }

  /** All entries, the newest first; another tab may have added some. */
  get entries() {
    return this.#read() ?? this.#entries;
  }

  /** Return the entry of a session, or null. */
  find(id) {
    return this.entries.find((entry) => entry.id === id) ?? null;
  }

  /** Add an entry, or change the one of the same id. */
  put(entry) {
    const others = this.entries.filter(({ id }) => id !== entry.id);
    this.#write([{ told: null, all: null, missed: [], ...this.find(entry.id), ...entry }, ...others]);
  }

  /** Take an entry away: its role-play is gone. */
  remove(id) {
    this.#write(this.entries.filter((entry) => entry.id !== id));
  }

  #read() {
    try {
      const found = JSON.parse(this.#storage.getItem(this.#key) ?? "[]");
      return Array.isArray(found) ? found.filter(isEntry).sort(byTime) : [];
    } catch {
      return this.#storage === null ? null : [];
    }
  }

  #write(entries) {
    this.#entries = entries.sort(byTime).slice(0, MOST);
    try {
      this.#storage.setItem(this.#key, JSON.stringify(this.#entries));
      this.kept = true;
    } catch {
      this.#storage = null; // full, or forbidden: the page goes on with what it has
      this.kept = false;
    }
  }
}

/** Remove all that the pages keep in these storages, of whomever. */
export function forgetAll(...storages) {
  for (const storage of storages) {
    try {
      for (const key of Object.keys(storage)) if (key.startsWith("interlocutor.")) storage.removeItem(key);
    } catch {
      // Nothing can be kept there.
    }
  }
}

/** Return the best {told, all} of each card, by its id. */
export function bestScores(entries) {
  const best = new Map();
  for (const { card_id, told, all } of entries) {
    if (told === null || !all) continue;
    const known = best.get(card_id);
    if (!known || told / all > known.told / known.all) best.set(card_id, { told, all });
  }
  return best;
}

/** Return how many days in a row there were role-plays up to `now`; yesterday counts while today has none. */
export function daysInRow(entries, now = new Date()) {
  const dayOf = (date) => Math.round(Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / DAY_MS);
  // A clock that was wrong may have put some into the future.
  const days = new Set(entries.map(({ began_ms }) => dayOf(new Date(began_ms))));
  let day = dayOf(now);
  if (!days.has(day)) day -= 1;
  let count = 0;
  while (days.has(day - count)) count += 1;
  return count;
}

/**
 * Return the newest practice in which something was not found out, or null; the last one of each card counts. What was `missed`
 * is null where only the server knows it.
 */
export function toGoOn(entries) {
  const seen = new Set();
  for (const entry of entries) {
    if (entry.told === null || !entry.all || seen.has(entry.card_id)) continue;
    seen.add(entry.card_id);
    if (entry.told < entry.all) return entry;
  }
  return null;
}
