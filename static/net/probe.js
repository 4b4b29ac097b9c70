/** Measures how long a question to the server and its answer take. */

import { at } from "../core/base_path.js";
const DEADLINE_MS = 3000;

/** Return one round trip in milliseconds, or null when no answer came. */
export async function roundTrip() {
  const asked_ms = performance.now();
  try {
    const answer = await fetch(at("/health"), { cache: "no-store", signal: AbortSignal.timeout(DEADLINE_MS) });
    await answer.arrayBuffer();
    return answer.ok ? performance.now() - asked_ms : null;
  } catch {
    return null;
  }
}

/** Return several, one after another, without the first: that one may have had to open the connection. */
export async function roundTrips(count = 8) {
  const found = [];
  for (let asked = 0; asked <= count; asked += 1) found.push(await roundTrip());
  return found.slice(1);
}
