/** What the latency page asks the server over HTTP; the developer key goes with it where there is one. */

import { fetchSummary, request, withToken } from "../net/api.js";
import { Problem } from "../core/problems.js";

const DEADLINE_MS = 30000; // a long recording over a slow line
const KEY = "interlocutor.lab.key";
const PAGES_OWN = "lab_"; // so the key of the page's link begins, which opens nothing else
const SUMMARY_TRIES = 4;
const SUMMARY_PAUSE_MS = 250;
const NOT_OVER = 409; // the session has not quite ended

export class LabApi {
  /** `storage` keeps the key: sessionStorage, so that it goes when the tab is closed. */
  constructor(storage = window.sessionStorage) {
    this.storage = storage;
  }

  get key() {
    return this.storage.getItem(KEY) ?? "";
  }

  set key(key) {
    if (key) this.storage.setItem(KEY, key);
    else this.storage.removeItem(KEY);
  }

  /** Return what a run is measured on, and the recordings that the server offers. */
  async overview() {
    return (await this.#ask("/api/lab")).json();
  }

  /** Return the bytes of one of them. */
  async sound(name) {
    return (await this.#ask(`/api/lab/sound/${inPath(name)}`)).arrayBuffer();
  }

  /** Return {card, speech_in, turns} of one of them. */
  async truth(name) {
    return (await this.#ask(`/api/lab/truth/${inPath(name)}`)).json();
  }

  /** Return the same of the text of a truth file. */
  async readTruth(text) {
    return (await this.#ask("/api/lab/truth", { method: "POST", body: text })).json();
  }

  /** Open a session in a developer's role: {id, token, url}. */
  openSession(card) {
    return this.#send("/api/lab/sessions", { card });
  }

  /** Return {summary, distribution} of a report. */
  summary(report) {
    return this.#send("/api/lab/summary", report);
  }

  /** Return how a report differs from an earlier one. */
  comparison(now, before) {
    return this.#send("/api/lab/comparison", { now, before });
  }

  /** Return the topics that the patient told in a session that is over; none when the server does not say. */
  async topicsTold(session) {
    for (let attempt = 0; attempt < SUMMARY_TRIES; attempt += 1) {
      try {
        const { status, cues } = await fetchSummary(session);
        if (status === "ended") return (cues ?? []).filter(({ told }) => told).map(({ topic }) => topic);
      } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        return [];
      }
      await new Promise((resolve) => setTimeout(resolve, SUMMARY_PAUSE_MS));
    }
    return [];
  }

  /** Return a session by what opens it longest: a developer's key where there is one, or else its own token. */
  opener(session) {
    return this.key && !this.key.startsWith(PAGES_OWN) ? { ...session, token: this.key } : session;
  }

  /** Return why each turn of a session that is over was waited for; null when the server does not say. */
  async waits(session) {
    return (await this.#told(session))?.waits ?? null;
  }

  /** Return the drafts of a session that is over: [{made_ms, done_ms, reason, cost_ms}]; none when the server does not say. */
  async drafts(session) {
    return (await this.#told(session))?.drafts ?? [];
  }

  async #told(session) {
    for (let attempt = 0; attempt < SUMMARY_TRIES; attempt += 1) {
      try {
        const options = { ...withToken(session), deadline_ms: DEADLINE_MS };
        return await (await request(`/api/lab/sessions/${encodeURIComponent(session.id)}/waits`, options)).json();
      } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        if (problem.status !== NOT_OVER) return null;
      }
      await new Promise((resolve) => setTimeout(resolve, SUMMARY_PAUSE_MS));
    }
    return null;
  }

  async #send(path, body) {
    const headers = { "Content-Type": "application/json" };
    return (await this.#ask(path, { method: "POST", headers, body: JSON.stringify(body) })).json();
  }

  #ask(path, options = {}) {
    const headers = { ...options.headers, ...(this.key ? { Authorization: `Bearer ${this.key}` } : {}) };
    return request(path, { ...options, headers, deadline_ms: DEADLINE_MS });
  }
}

const inPath = (name) => name.split("/").map(encodeURIComponent).join("/");
