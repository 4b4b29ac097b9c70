/** What the pages ask the server about people and their earlier role-plays. Failures are Problems. */

import { Held } from "../core/held.js";
import { request, useCsrf } from "./api.js";

const post = (path, body) =>
  request(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  }).then((answer) => answer.json());

/** Return {mode, person, modes}: who is logged in, or null, and which role-plays they may open. */
export async function fetchMe() {
  const me = await (await request("/api/me")).json();
  useCsrf(me.csrf);
  return me;
}

export const logIn = (login, password) => post("/api/login", { login, password });
export const logOut = () => post("/api/logout", {});
export const changePassword = (old, password) => post("/api/password", { old, new: password });

/** Return {login, name} of whom a one-time link is for. */
export const lookAtLink = (token) => post("/api/invitation", { token });
export const acceptLink = (token, password) => post("/api/invitation/accept", { token, password });

/** Return {sessions, next} of earlier role-plays, the newest first: one's own, or of a `person_id`. */
export async function fetchHistory(after = null, { limit = 20, person_id = null } = {}) {
  const query = new URLSearchParams({ limit, ...(after ? { after } : {}), ...(person_id ? { person: person_id } : {}) });
  return (await request(`/api/sessions?${query}`)).json();
}

/** Return what the server's list has of the role-plays that a person held; nobody waits for it where it can't be had. */
export async function fetchHeld(person_id) {
  const asked_ms = Date.now();
  try {
    const { sessions, next } = await fetchHistory(null, { limit: 200, person_id });
    return new Held({ rows: sessions, whole: next === null, asked_ms });
  } catch {
    return new Held();
  }
}
