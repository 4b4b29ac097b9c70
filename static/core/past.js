/** What a page that was loaded anew is told again, and how its role-play stands when that is over. */

import { numberOf } from "./coming_back.js";

export class Past {
  /** `resumed` is the event that comes before what is told again, at `now_ms` (monotonic). */
  constructor(resumed, now_ms) {
    this.until = numberOf(resumed.event_id);
    this.elapsed_ms = resumed.elapsed_ms ?? null; // of the role-play's time, when it was taken up
    this.at_ms = now_ms;
    this.session_s = null; // once it has started
    this.paused = false;
  }

  /** Return whether an event happened before the page was loaded; those are numbered lower, and sound has no numbers. */
  has({ type, event_id, session_s, paused }) {
    const number = numberOf(event_id);
    if (number === 0 || number >= this.until) return false;
    if (type === "interlocutor.session.started") this.session_s = session_s;
    if (type === "interlocutor.session.paused") this.paused = paused;
    return true;
  }

  /** Whether the role-play had begun. */
  get started() {
    return this.session_s !== null && this.elapsed_ms !== null;
  }

  /** Return what is left of its time at `now_ms`. */
  leftMs(now_ms) {
    const since_ms = this.paused ? 0 : now_ms - this.at_ms;
    return Math.max(0, 1000 * this.session_s - this.elapsed_ms - since_ms);
  }
}
