/** The role-plays of somebody whom the server knows: those of this browser, and what the server's list says of all of them. */

const byTime = (one, other) => other.began_ms - one.began_ms;

export class Held {
  /**
   * `rows` are the server's, null where they can't be had; `whole` is whether there are no more of them; `asked_ms` is when
   * they were asked for, by this browser's clock.
   */
  constructor({ rows = null, whole = true, asked_ms = 0 } = {}) {
    this.rows = rows;
    this.whole = whole;
    this.asked_ms = asked_ms;
  }

  /** Return a browser's entries with those that the server alone knows of; the newest first. */
  with(entries) {
    const ended = new Map((this.rows ?? []).filter(({ state }) => state === "ended").map((row) => [row.id, row]));
    const here = entries.map((entry) => {
      const row = ended.get(entry.id);
      ended.delete(entry.id);
      // The tab was closed before its page after came.
      return row && entry.told === null ? { ...entry, ...foundOf(row) } : entry;
    });
    const others = [...ended.values()].map((row) => ({ id: row.id, card_id: row.card_id, mode: row.mode, began_ms: row.began_ms, ...foundOf(row) }));
    return [...here, ...others].sort(byTime);
  }

  /** Return how many role-plays the server's list has by now, null where nobody knows; `entries` are this browser's. */
  count(entries) {
    if (this.rows === null) return null;
    const known = new Set(this.rows.map(({ id }) => id));
    return known.size + entries.filter(({ id, began_ms }) => began_ms >= this.asked_ms && !known.has(id)).length;
  }
}

// The list says how many, and not which.
const foundOf = ({ cues, cues_told }) => ({ told: cues_told ?? null, all: cues ?? null, missed: null });
