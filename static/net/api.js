/** What the page asks the server over HTTP. Failures are Problems. */

import { at } from "../core/base_path.js";
import { httpProblem, Problem } from "../core/problems.js";

// A server on the same premises answers in milliseconds; after this long something is wrong.
const DEADLINE_MS = 15000;

/** Return {version, env, engines, limits}. */
export const fetchInfo = () => request("/api/info").then((answer) => answer.json());

/** Return the cards a candidate may choose from. */
export async function fetchCards() {
  const answer = await request("/api/cards");
  return (await answer.json()).cards;
}

/**
 * Open a session and return {id, token, url, expires_s, prepare_s, session_s, card}; `consent` is {version, text[, remote]}.
 *
 * `line` is the ticket of the line one waits in, "" to be given one; the Problem of a full server has the next in `told`.
 */
export async function openSession(card_id, mode, consent, line = "") {
  const answer = await request("/api/sessions", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ card: card_id, mode, consent, line }),
  });
  return answer.json();
}

/** Return what happened in a session: turns, cues, talk, latency. */
export async function fetchSummary(session) {
  const answer = await request(`/api/sessions/${encodeURIComponent(session.id)}`, withToken(session));
  return answer.json();
}

/** Return a token that opens one connection to a session, within a minute. */
export async function fetchJoinToken(session) {
  const options = { ...withToken(session), method: "POST" };
  return (await (await request(`/api/sessions/${encodeURIComponent(session.id)}/join`, options)).json()).token;
}

/** Return why a connection was refused: browsers don't tell, so the session itself is asked about. */
export async function whyRefused(session) {
  try {
    const { status } = await fetchSummary(session);
    return new Problem(status === "reserved" ? "connection.lost" : "session.expired"); // joined once, it is used up
  } catch (problem) {
    return problem instanceof Problem ? problem : new Problem("connection.lost");
  }
}

/** Options of a request in a session's name; an earlier one has no token: its owner's log-in speaks for it. */
export const withToken = (session) => ({ headers: session.token ? { Authorization: `Bearer ${session.token}` } : {} });

let csrf = null;

/** Send this with whatever changes something, while somebody is logged in. */
export function useCsrf(token) {
  csrf = token;
}

/** Ask the server; rejects with a Problem that has a `status` where the server answered. */
export async function request(path, { deadline_ms = DEADLINE_MS, ...options } = {}) {
  let answer;
  if (csrf !== null && (options.method ?? "GET") !== "GET") options.headers = { "X-CSRF-Token": csrf, ...options.headers };
  try {
    answer = await fetch(at(path), { ...options, cache: "no-store", signal: AbortSignal.timeout(deadline_ms) });
  } catch (error) {
    throw new Problem("server.unreachable", { detail: String(error) });
  }
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => ({}));
  const problem = httpProblem(answer.status, {
    retry_after: answer.headers.get("Retry-After"),
    code: body?.error?.code ?? "",
    detail: body?.error?.message ?? "",
    told: body?.error ?? {},
  });
  problem.status = answer.status;
  throw problem;
}
