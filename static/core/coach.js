/** What the page after shows of an assessment: which measures first, where each is to be heard, and cues by their state. */

/** Return the measures in two lists: those that the coach shows first, and the others. */
export function inOrder({ measures, coaching }) {
  const first = coaching.measures.map((id) => measures.find((each) => each.id === id)).filter(Boolean);
  return { first, others: measures.filter((each) => !first.includes(each)) };
}

/** Return the places of a measure that can be heard, at most `most`, in order; what is nowhere has no place. */
export function places(evidence, most = 6) {
  const heard = evidence.filter(({ from_ms, to_ms }) => to_ms > from_ms);
  return heard.slice(0, most);
}

/** Return the cues of a measure "cues" as {found, partly, missed}, each [{topic, at_ms}]; `at_ms` is null where it is nowhere. */
export function cuesByState(measures) {
  const cues = measures.find((each) => each.id === "cues")?.evidence ?? [];
  const of = (state) => cues.filter(({ kind }) => kind === state).map(({ text, from_ms, to_ms }) => ({ topic: text, at_ms: to_ms > from_ms ? from_ms : null }));
  return { found: of("found"), partly: of("partly"), missed: of("missed") };
}

/** Return whether there is anything to coach with. */
export function hasCoaching(assessment) {
  const { well = [], try: to_try = "" } = assessment?.coaching ?? {};
  return well.length > 0 || to_try !== "" || (assessment?.tasks ?? []).some(({ state }) => state !== "not_heard");
}
