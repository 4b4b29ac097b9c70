/** What the page asks the server about a role-play that is over, and reports of one that is under way. */

import { Problem } from "../core/problems.js";
import { request, withToken } from "./api.js";

const path = (session, what = "") => `/api/sessions/${encodeURIComponent(session.id)}${what}`;
// The first role-play after a start is read with a model that is loaded first.
const READING_DEADLINE_MS = 45000;
const SOUND_DEADLINE_MS = 120000; // 20 MB over a slow line

/** Return the record: turns with their places, cues, talk, latency, and {state, size_bytes, duration_ms} of the recording. */
export async function fetchRecord(session) {
  return (await request(path(session, "/record"), withToken(session))).json();
}

/** Return what can be said of it: {measures, tasks, coaching}. */
export async function fetchAssessment(session) {
  return (await request(path(session, "/measures"), { ...withToken(session), deadline_ms: READING_DEADLINE_MS })).json();
}

/** Return a model phrase, spoken, as a Blob. */
export async function fetchPhrase(session, topic, number) {
  return (await request(path(session, `/phrases/${encodeURIComponent(topic)}/${number}`), withToken(session))).blob();
}

/** Return the recording as a Blob. */
export async function fetchSound(session) {
  return (await request(path(session, "/recording"), { ...withToken(session), deadline_ms: SOUND_DEADLINE_MS })).blob();
}

/** Return the log, as far as it is the candidate's, as a Blob of JSON lines. */
export async function fetchLog(session) {
  return (await request(path(session, "/log"), withToken(session))).blob();
}

/** Erase what was said and the recording, for good. */
export async function deleteRecord(session) {
  await request(path(session), { ...withToken(session), method: "DELETE" });
}

/** Tell whoever runs the server that something went wrong; resolves to whether it was taken down. */
export async function reportProblem(session, kind, text) {
  const { headers } = withToken(session);
  try {
    await request(path(session, "/problems"), {
      method: "POST",
      headers: { ...headers, "Content-Type": "application/json" },
      body: JSON.stringify({ kind, text }),
    });
    return true;
  } catch (problem) {
    if (problem instanceof Problem) return false;
    throw problem;
  }
}
