/** The server's account of a role-play that is over. */

import { Problem } from "../core/problems.js";
import { fetchRecord } from "./record_api.js";

const TRIES = 4; // the server may still be writing the last turn down
const PAUSE_MS = 500;

/**
 * Return the record; null when it can't be had now, "gone" when it is not kept any more, "logged_out" when nobody is logged
 * in whose log-in would open it, "refused" when it is somebody else's.
 */
export async function fetchAccount(session) {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    try {
      const record = await fetchRecord(session);
      if (record.turns) return record; // until the session is over there are none
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      const why = whyNot(session, problem.status);
      if (why !== null) return why;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return null;
}

/** Return why the server does not show a session's record, by its answer's status; null where it may a moment later. */
export function whyNot(session, status) {
  // A session's own token is not known any more once its record is gone.
  if (status === 401) return session.token ? "gone" : "logged_out";
  return { 403: "refused", 404: "gone" }[status] ?? null;
}

/** Return what was found out, as the journal keeps it: {told, all, missed}; nulls where nothing is known of it. */
export function foundOut(record) {
  const cues = record?.cues ?? [];
  if (cues.length === 0) return { told: null, all: null, missed: [] };
  return {
    told: cues.filter(({ told }) => told).length,
    all: cues.length,
    missed: cues.filter(({ told }) => !told).map(({ topic }) => topic),
  };
}
