/** Finding one's place in a recording: which turn, and which of its words, is heard at a time. */

// A turn begins a little before its first sound was noticed, and ends a little after its last.
const BEFORE_MS = 150;
const AFTER_MS = 250;

/** Return the stretch {from_ms, to_ms} to be played for a turn, within a recording of `duration_ms`. */
export function stretchOf(turn, duration_ms = Infinity) {
  return { from_ms: Math.max(0, turn.from_ms - BEFORE_MS), to_ms: Math.min(duration_ms, turn.to_ms + AFTER_MS) };
}

/** Return the index of the turn that is heard at `at_ms`, or -1; of two that overlap, the one that began later. */
export function turnAt(turns, at_ms) {
  return turns.findLastIndex((turn) => turn.words.length > 0 && at_ms >= turn.from_ms && at_ms < turn.to_ms);
}

/** Return the index of the word of a turn that is heard at `at_ms`, or -1 before the first. */
export function wordAt(words, at_ms) {
  return words.findLastIndex(([, from_ms]) => at_ms >= from_ms);
}
