/** What the desk asks the server. A developer's key goes with it where there is one; else the log-in speaks. */

import { at } from "../core/base_path.js";
import { storageOf } from "../core/storage.js";
import { request, withToken } from "../net/api.js";
import { fetchAssessment, fetchRecord, fetchSound } from "../net/record_api.js";

const KEY = "interlocutor.desk.key";
const path = (id, what = "") => `/api/sessions/${encodeURIComponent(id)}${what}`;

/** Return the address of the page with the report for the candidate. */
export const reportAddress = (id) => at(`/report#${id}`);

export class DeskApi {
  #storage;
  #key;

  /** `storage` keeps the key: sessionStorage, so that it goes when the tab is closed; null: it goes with the page. */
  constructor(storage = storageOf("sessionStorage")) {
    this.#storage = storage;
    this.#key = storage?.getItem(KEY) ?? "";
  }

  get key() {
    return this.#key;
  }

  set key(key) {
    this.#key = key;
    if (key) this.#storage?.setItem(KEY, key);
    else this.#storage?.removeItem(KEY);
  }

  /** Return {sessions, silent_servers}: the role-plays under way, and the servers that did not say theirs. */
  live() {
    return this.#ask("/api/desk/live");
  }

  /** Return {sessions, next} of those that there were, the newest first; deleted ones too, and some that are still open. */
  past(after = null) {
    const query = new URLSearchParams({ limit: "20", ...(after ? { after } : {}) });
    return this.#ask(`/api/sessions?${query}`);
  }

  /** Return {ticket, url} to follow a role-play. */
  follow(id) {
    return this.#send(path(id, "/follow"), {});
  }

  /** Return all notes on a role-play. */
  async notes(id) {
    const rows = [];
    let after = null;
    do {
      const page = await this.#ask(`${path(id, "/notes")}${after ? `?after=${encodeURIComponent(after)}` : ""}`);
      rows.push(...page.notes);
      after = page.next;
    } while (after);
    return rows;
  }

  /** Keep a note; return it as it was kept. */
  note(id, note) {
    return this.#send(path(id, "/notes"), note);
  }

  /** Return the record of a role-play that is over, as examiners may see it. */
  record(id) {
    return fetchRecord(this.#named(id));
  }

  /** Return its recording as a Blob. */
  sound(id) {
    return fetchSound(this.#named(id));
  }

  /** Return its measures with their evidence. */
  measures(id) {
    return fetchAssessment(this.#named(id));
  }

  /** Return the criteria, one's own sheet and the outcome, as far as one may see it. */
  marks(id) {
    return this.#ask(path(id, "/marks"));
  }

  /** Keep a sheet; return the same. */
  saveMarks(id, body) {
    return this.#send(path(id, "/marks"), body);
  }

  /** Return the table of all marks as {blob, name}. */
  marksTable(id) {
    return this.#table(id, "marks");
  }

  /** Return the report for the candidate, once the marks are decided. */
  report(id) {
    return this.#ask(path(id, "/report"));
  }

  /** Return the same as a table, as {blob, name}. */
  reportTable(id) {
    return this.#table(id, "report");
  }

  /** Return a language model's second opinion: {state, say} and, where it was made, all of it. */
  opinion(id) {
    return this.#ask(path(id, "/opinion"));
  }

  /** Return {waiting, may_settle}: the role-plays that wait for marks, and whether one may do something about it. */
  waiting() {
    return this.#ask("/api/desk/waiting");
  }

  /** Have one more person examine the exam of a role-play. */
  addExaminer(id, examiner) {
    return this.#send(path(id, "/examiners"), { examiner });
  }

  /** Let the marks that a role-play has be all. */
  closeMarking(id, reason) {
    return this.#send(path(id, "/marks/close"), { reason });
  }

  /** Return how far examiners agree. */
  agreement() {
    return this.#ask("/api/desk/agreement");
  }

  async #table(id, what) {
    const answer = await request(path(id, `/${what}.csv`), withToken({ token: this.key }));
    return { blob: await answer.blob(), name: `${id}-${what}.csv` };
  }

  #named(id) {
    return { id, token: this.key };
  }

  async #ask(where, options = {}) {
    const { headers } = withToken({ token: this.key });
    return (await request(where, { ...options, headers: { ...headers, ...options.headers } })).json();
  }

  #send(where, body) {
    return this.#ask(where, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  }
}
