/**
 * A candidate's way with one card, from its session's opening to the end of the role-play; kept in the tab meanwhile, so that
 * a page which is loaded anew goes on with it.
 *
 * What is kept has its times on the wall clock, since no other one outlives a page.
 */

import { Countdown } from "./clock.js";

const KEY = "interlocutor.visit";

const now = () => performance.now();
const isText = (value) => typeof value === "string";
const isTime = (value) => Number.isFinite(value);
const isSession = (session) => isText(session?.id) && isText(session.token) && isText(session.url) && isText(session.card?.title);
const isDone = (done) => Array.isArray(done) && done.every(Number.isInteger);
const isResume = (resume) => resume === null || (isText(resume?.token) && isTime(resume.within_s));

export class Visit {
  #store;
  #notes = "";
  #done = []; // places of the tasks that are ticked
  #kept = false;

  /** `store` is the tab's sessionStorage, `session` as the server opened it. */
  constructor(store, session, mode, notes = "") {
    this.#store = store;
    this.#notes = notes;
    this.session = session;
    this.mode = mode;
    this.opened_ms = now();
    this.countdown = new Countdown(1000 * session.prepare_s, now); // of the preparation
    // It is {token, within_s} once the server said how to come back: the role-play is under way.
    this.resume = null;
    this.taken = false; // another tab has the role-play
    this.talking = null; // its Countdown, once it has begun
    // What both screens write into.
    const visit = this;
    this.notes = {
      get text() {
        return visit.#notes;
      },
      set text(text) {
        visit.#notes = text;
        if (visit.#kept) visit.keep();
      },
      get done() {
        return visit.#done;
      },
      set done(done) {
        visit.#done = done;
        if (visit.#kept) visit.keep();
      },
    };
  }

  /** Return the visit that a tab has kept, or null. */
  static kept(store) {
    try {
      const { session, mode, notes, done, opened_at_ms, prepared_at_ms, resume, left_ms, left_at_ms, stopped } = JSON.parse(store.getItem(KEY));
      const whole = isSession(session) && isText(notes) && isTime(opened_at_ms) && isTime(prepared_at_ms) && isResume(resume);
      if (!whole) return null;
      const visit = new Visit(store, session, mode === "exam" ? "exam" : "practice", notes);
      visit.opened_ms = now() - (Date.now() - opened_at_ms);
      visit.countdown = new Countdown(Math.max(0, prepared_at_ms - Date.now()), now);
      visit.resume = resume;
      if (isTime(left_ms) && isTime(left_at_ms)) visit.hasLeft(stopped ? left_ms : left_ms - (Date.now() - left_at_ms), { stopped });
      if (isDone(done)) visit.#done = done;
      visit.#kept = true;
      return visit;
    } catch {
      return null; // no storage, nothing in it, or something else
    }
  }

  /** Its session is not there any more: the next start opens another. */
  expire() {
    this.opened_ms = -Infinity;
  }

  /** Another session for the same visit: the first was let go before the role-play began. */
  renew(session) {
    this.session = session;
    this.opened_ms = now();
    this.keep();
  }

  /** What is left of the role-play. */
  get left_ms() {
    return this.talking?.left_ms ?? 1000 * this.session.session_s;
  }

  /** So much of the role-play is left, and it runs, or stands still. */
  hasLeft(left_ms, { stopped = false } = {}) {
    this.talking = new Countdown(left_ms, now);
    if (stopped) this.talking.stop(left_ms);
  }

  /** Keep it as it is now, and its notes as they are written. */
  keep() {
    this.#kept = true;
    const kept = {
      session: this.session,
      mode: this.mode,
      notes: this.#notes,
      done: this.#done,
      opened_at_ms: Date.now() - (now() - this.opened_ms),
      prepared_at_ms: Date.now() + this.countdown.left_ms,
      resume: this.resume,
      left_ms: this.talking?.left_ms ?? null,
      left_at_ms: Date.now(),
      stopped: this.talking?.stopped_ms !== null,
    };
    try {
      this.#store.setItem(KEY, JSON.stringify(kept));
    } catch {
      // No storage, or it is full: then a page that is loaded anew begins anew.
    }
  }

  /** Keep nothing any more. */
  forget() {
    this.#kept = false;
    try {
      this.#store.removeItem(KEY);
    } catch {
      // No storage: nothing was kept.
    }
  }
}
