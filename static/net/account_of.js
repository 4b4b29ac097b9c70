/** The server's account of a role-play that is over. */

import { Problem } from "../core/problems.js";
import { fetchRecord } from "./record_api.js";

const TRIES = 4; // the server may still be writing the last turn down
const PAUSE_MS = 500;
const GONE = [401, 403, 404];

/** Return the record; null when it can't be had now, and "gone" when it is not kept any more. */
export async function fetchAccount(session) {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    try {
      const record = await fetchRecord(session);
      if (record.turns) return record; // until the session is over there are none
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (GONE.includes(problem.status)) return "gone";
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return null;
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
