/** What the pages ask the server about people and their earlier role-plays. Failures are Problems. */

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

/** Return {sessions, next} of one's own earlier role-plays, the newest first. */
export async function fetchHistory(after = null) {
  const query = new URLSearchParams({ limit: "20", ...(after ? { after } : {}) });
  return (await request(`/api/sessions?${query}`)).json();
}

/** Fetch the newest role-plays that a person held; none where that fails, since nobody waits for them. */
export async function fetchHeld(person_id) {
  const query = new URLSearchParams({ limit: "200", person: person_id });
  try {
    return (await (await request(`/api/sessions?${query}`)).json()).sessions;
  } catch {
    return [];
  }
}
