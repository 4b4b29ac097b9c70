/** Which of somebody's exams the page is about, and what comes next in it; without a page, so that it can be tested. */

// After these a session can't be continued: it is over, or another page has it.
const LOST = ["session.expired", "session.taken"];

/** Return the exam to show: one that is under way, or else the next that can still be begun; null where there is none. */
export function examToShow(exams, now_ms) {
  const begun = exams.find(({ state }) => state === "begun");
  if (begun) return begun;
  const coming = exams.filter(({ state, closes_ms }) => state === "scheduled" && closes_ms > now_ms);
  return coming.sort((one, other) => one.opens_ms - other.opens_ms)[0] ?? null;
}

/** Return how long it is until an exam may be begun, 0 from then on. */
export const opensIn = ({ opens_ms }, now_ms) => Math.max(0, opens_ms - now_ms);

/** Return what comes next in an exam as the server shows it: "begin", "prepare", "talk", "wait" or "end". */
export function nextStep({ state, phase }) {
  if (state === "closed" || state === "void") return "end";
  if (state === "scheduled") return "begin";
  // It is just being closed, or the server can't go on with it.
  if (phase === null) return "wait";
  return phase.name === "preparation" ? "prepare" : "talk";
}

/** Return whether a visit is that of a part which is under way, so that it can be continued. */
export const isOf = (visit, exam_id, part) =>
  visit !== null && visit.resume !== null && visit.session.exam === exam_id && visit.session.part === part;

/** Return whether a visit can still be continued after a problem. */
export const mayGoOn = (visit, { code }) => visit.resume !== null && !LOST.includes(code);

/** A browser's store that keeps one thing under a name of its own, whatever name it is asked for. */
export const storeFor = (store, name) => ({
  getItem: () => store.getItem(name),
  setItem: (_key, text) => store.setItem(name, text),
  removeItem: () => store.removeItem(name),
});
