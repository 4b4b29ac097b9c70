/** Arranging cards for choosing, and figures for reading afterwards. */

/** Return [[profession, cards], ...], both in alphabetical order; only `profession` when one is given. */
export function byProfession(cards, profession = "") {
  const groups = new Map();
  for (const card of cards) {
    if (profession && card.profession !== profession) continue;
    if (!groups.has(card.profession)) groups.set(card.profession, []);
    groups.get(card.profession).push(card);
  }
  const sorted = [...groups].sort(([a], [b]) => a.localeCompare(b));
  for (const [, group] of sorted) group.sort((a, b) => a.title.localeCompare(b.title));
  return sorted;
}

/** Return the candidate's share of the talk as whole percent, or null when nobody spoke. */
export function talkPercent(talk) {
  if (!talk || talk.candidate_ms + talk.patient_ms <= 0) return null;
  const share = talk.candidate_share ?? talk.candidate_ms / (talk.candidate_ms + talk.patient_ms);
  return Math.round(100 * share);
}

/** Return milliseconds as seconds with one decimal, e.g. "0.8". */
export function seconds(duration_ms) {
  return (duration_ms / 1000).toFixed(1);
}

/** Return a task as what is to be done and its examples: "Ask about X (for example Y)." is ["Ask about X", "(for example Y)."]. */
export function splitTask(task) {
  const at = task.indexOf(" (for example ");
  return at < 0 ? [task, ""] : [task.slice(0, at), task.slice(at + 1)];
}

/** Return how fast a patient speaks, of so many words a minute: "slow", "usual" or "quick". */
export function paceOf(rate_wpm) {
  if (rate_wpm < 128) return "slow";
  return rate_wpm < 138 ? "usual" : "quick";
}

/** Return who the patient is: the first sentence of what is known before. */
export function patientOf({ background }) {
  return /^.*?[.!?](?=\s|$)/.exec(background)?.[0] ?? background;
}
