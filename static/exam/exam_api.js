/** What the exam's page asks the server. Failures are Problems; `detail` has the server's own words. */

import { request } from "../net/api.js";

const post = (path, body) =>
  request(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }).then((answer) => answer.json());

const of = (id) => `/api/exams/${encodeURIComponent(id)}`;

/** Return {exams, now_ms}: one's own, the latest first. */
export const fetchExams = () => request("/api/exams").then((answer) => answer.json());

/** Return the exam as it stands: {state, phase: {name, part, left_ms} or null, card}. */
export const fetchExam = (id) => request(of(id)).then((answer) => answer.json());

/** Begin it, or find where it stands. */
export const beginExam = (id) => post(`${of(id)}/begin`, {});

/** Open the session of the part whose talk it is. */
export const openPart = (id, consent) => post(`${of(id)}/session`, { consent });
