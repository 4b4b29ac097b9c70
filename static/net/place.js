/** The place of somebody who prepares: the page says that it is there, and gives the place back when it is left. */

import { request, withToken } from "./api.js";

// The server gives a place to others once its page said nothing for 15 seconds (server.reservations.silent_s).
const BEAT_MS = 5000;
const DEADLINE_MS = 2000;

export class Place {
  #session = null;
  #timer = null;
  #given_back = Promise.resolve();

  constructor() {
    this.onlost = () => {}; // somebody else has it now
    window.addEventListener("pagehide", () => this.#tell("away"));
    window.addEventListener("pageshow", ({ persisted }) => persisted && this.#beat());
    // Timers of a hidden page are held back: what it did not say meanwhile it says at once.
    document.addEventListener("visibilitychange", () => !document.hidden && this.#beat());
  }

  /** Keep the place of a session until it is joined, or given back. */
  hold(session) {
    this.release();
    this.#session = session;
    this.#timer = setInterval(() => this.#beat(), BEAT_MS);
    this.#beat();
  }

  /** Say nothing more of it: the role-play is under way, or over. */
  release() {
    clearInterval(this.#timer);
    this.#session = null;
  }

  /** Let others have it at once; a session that is under way ends. */
  giveBack(session) {
    this.release();
    this.#given_back = this.#send(session, "left");
  }

  /** Resolve when a place that was given back is free. */
  get given_back() {
    return this.#given_back;
  }

  /** Resolve once it is known whether the place is still there; `onlost` is told if it is not. */
  confirm() {
    return this.#beat();
  }

  #beat() {
    return this.#tell("here");
  }

  async #tell(state) {
    const session = this.#session;
    if (session === null) return;
    const gone = await this.#send(session, state);
    if (!gone || session !== this.#session) return;
    this.release();
    this.onlost();
  }

  /** Resolve to whether the server does not know the session any more; a server that can't be asked says nothing of it. */
  #send(session, state) {
    const options = withToken(session);
    options.headers["Content-Type"] = "application/json";
    // Kept alive: it is also sent when the page is being left.
    const sent = request(`/api/sessions/${encodeURIComponent(session.id)}/place`, {
      ...options,
      method: "POST",
      keepalive: true,
      deadline_ms: DEADLINE_MS,
      body: JSON.stringify({ state }),
    });
    return sent.then(
      () => false,
      ({ status }) => [401, 403, 404].includes(status),
    );
  }
}
