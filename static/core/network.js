/** What round trips tell of a connection. */

const GOOD = { median_ms: 150, spread_ms: 80 };
const FAIR = { median_ms: 400, spread_ms: 250 };

/**
 * Judge round trips in milliseconds, null for those that failed: {quality: good|fair|poor|none, median_ms, spread_ms}.
 *
 * The spread is how much longer than usual the slowest one took: a steady distance is no trouble, surprises are.
 */
export function judgeNetwork(round_trips_ms) {
  const came = round_trips_ms.filter((time_ms) => time_ms !== null).sort((a, b) => a - b);
  if (came.length === 0) return { quality: "none", median_ms: null, spread_ms: null };
  const median_ms = came[Math.floor(came.length / 2)];
  const spread_ms = came.at(-1) - median_ms;
  const within = (limit) => median_ms <= limit.median_ms && spread_ms <= limit.spread_ms;
  const lost = came.length < round_trips_ms.length;
  const quality = !lost && within(GOOD) ? "good" : !lost && within(FAIR) ? "fair" : "poor";
  return { quality, median_ms, spread_ms };
}

/** The last few round trips of a connection that is watched. */
export class NetworkWatch {
  #kept;
  #round_trips_ms = [];

  constructor(kept = 5) {
    this.#kept = kept;
  }

  /** Take a round trip, null for one that failed; return the judgement of the last few. */
  add(round_trip_ms) {
    this.#round_trips_ms = [...this.#round_trips_ms, round_trip_ms].slice(-this.#kept);
    return judgeNetwork(this.#round_trips_ms);
  }
}
