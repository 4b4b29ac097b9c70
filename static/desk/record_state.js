/** What a record is good for: whether it can be marked, and what an examiner must know of it before. */

/**
 * Return {mark, tell} for a record of the server: `mark` says whether there is something to mark, `tell` what is to be
 * told of it, as [kind, detail]: kinds are running, erased, void, empty, and gap with one of its kinds.
 */
export function recordState({ status, turns = [], recording = null, standing = {} }) {
  const { erased = false, void: reason = null, gaps = [] } = standing;
  if (status !== "ended") return { mark: false, tell: [["running", null]] };
  if (erased || recording?.state === "deleted") return { mark: false, tell: [["erased", null]] };
  const told = gaps.map((gap) => ["gap", gap]);
  if (reason !== null) return { mark: false, tell: [["void", reason], ...told] };
  if (turns.length === 0 && (recording?.state ?? "none") === "none") return { mark: false, tell: [["empty", null], ...told] };
  return { mark: true, tell: told };
}
