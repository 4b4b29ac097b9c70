/**
 * Where the time between the candidate's last sound and the patient's first one went: five parts that add up to it.
 *
 * Each part ends where its step was reached; one that was reached before the step ahead of it, since the reply was made
 * while the candidate paused, took no time. The server counts in the same way (`interlocutor.turn.latency`).
 */

/** The parts in their order, and the moment of `interlocutor.turn.timeline` that ends each. */
export const PARTS = [
  ["endpoint", "endpoint_ms"],
  ["recognise", "committed_ms"],
  ["respond", "clause_ms"],
  ["speak", "sound_ms"],
  ["deliver", "audible_ms"],
];

const STEP_MS = 10; // what is shown: hundredths of a second

const moment = (value) => (Number.isFinite(value) ? value : null);

/**
 * Return `{total_ms, parts: [{name, ms}], ahead, discarded}` of a timeline event, or null if it can't be used.
 *
 * Times are whole hundredths of a second, rounded so that the parts still add up; parts that are shorter are left out.
 * `ahead`: the reply was made before the turn was known to be over.
 */
export function waterfall(event) {
  const audible_ms = moment(event.audible_ms);
  if (audible_ms === null || moment(event.endpoint_ms) === null) return null;
  let reached_ms = 0;
  let shown_ms = 0;
  const parts = [];
  for (const [name, field] of PARTS) {
    reached_ms = Math.max(reached_ms, moment(event[field]) ?? reached_ms);
    const rounded_ms = Math.round(reached_ms / STEP_MS) * STEP_MS;
    if (rounded_ms > shown_ms) parts.push({ name, ms: rounded_ms - shown_ms });
    shown_ms = rounded_ms;
  }
  return { total_ms: shown_ms, parts, ahead: event.reused === true, discarded: moment(event.discarded) ?? 0 };
}
