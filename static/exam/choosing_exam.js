/** Which of somebody's exams the page is about, and whether it may be begun; without a page, so that it can be tested. */

/** Return the exam to show: one that is under way, or else the next that can still be begun; null where there is none. */
export function examToShow(exams, now_ms) {
  const begun = exams.find(({ state }) => state === "begun");
  if (begun) return begun;
  const coming = exams.filter(({ state, closes_ms }) => state === "scheduled" && closes_ms > now_ms);
  return coming.sort((one, other) => one.opens_ms - other.opens_ms)[0] ?? null;
}

/** Return how long it is until an exam may be begun, 0 from then on. */
export const opensIn = ({ opens_ms }, now_ms) => Math.max(0, opens_ms - now_ms);

/** A browser's store that keeps one thing under a name of its own, whatever name it is asked for. */
export const storeFor = (store, name) => ({
  getItem: () => store.getItem(name),
  setItem: (_key, text) => store.setItem(name, text),
  removeItem: () => store.removeItem(name),
});
