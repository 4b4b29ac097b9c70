/** An examiner's sheet as it is filled in, and what is known of everybody's; without a page. */

import { turnAt } from "../core/places.js";

const BEFORE_MS = 5000; // so much before a moment in which nobody speaks
const MOST_EVIDENCE = 20;

export class MarkSheet {
  constructor() {
    this.criteria = []; // {id, kind, name, most, indicators}
    this.number = 0; // of the sheet that the server has
    this.state = null; // draft, signed, or null while there is none
    this.marks = {};
    this.comment = "";
    this.for_candidate = ""; // what a report for the candidate has of this examiner's words
    this.outcome = { state: "waiting", sheets: [], differs: [], decided: {} };
    this.changed = false;
  }

  /** Take what the server says; what was changed meanwhile stays. */
  take({ criteria, own, outcome }) {
    this.criteria = criteria;
    this.number = own.number;
    this.state = own.state;
    this.signed = own.signed;
    this.outcome = outcome;
    if (this.changed) return;
    this.comment = own.sheet.comment;
    this.for_candidate = own.sheet.for_candidate ?? "";
    this.marks = Object.fromEntries(criteria.map(({ id }) => [id, { ...empty(), ...own.sheet.marks[id] }]));
  }

  /** Change a part of what is said of a criterion. */
  set(id, change) {
    Object.assign(this.marks[id], change);
    this.changed = true;
  }

  setComment(text) {
    this.comment = text;
    this.changed = true;
  }

  setForCandidate(text) {
    this.for_candidate = text;
    this.changed = true;
  }

  /** Add a stretch {from_ms, to_ms, text} as evidence; return whether there was room for it. */
  addEvidence(id, stretch) {
    const { evidence } = this.marks[id];
    if (evidence.length >= MOST_EVIDENCE || evidence.some(({ from_ms, to_ms }) => from_ms === stretch.from_ms && to_ms === stretch.to_ms)) return false;
    this.set(id, { evidence: [...evidence, stretch].sort((a, b) => a.from_ms - b.from_ms) });
    return true;
  }

  removeEvidence(id, index) {
    this.set(id, { evidence: this.marks[id].evidence.filter((_, at) => at !== index) });
  }

  /** The names of the criteria without a mark. */
  get lacks() {
    return this.criteria.filter(({ id }) => this.marks[id].mark === null).map(({ name }) => name);
  }

  /** What is sent; `state` is draft or signed. */
  body(state) {
    return { after: this.number, state, sheet: { marks: this.marks, comment: this.comment, for_candidate: this.for_candidate } };
  }
}

const empty = () => ({ mark: null, note: "", indicators: [], evidence: [] });

/** Return the stretch that is heard at `at_ms`: its turn, or the seconds before it. */
export function stretchAt(turns, at_ms) {
  const index = turnAt(turns, at_ms);
  if (index < 0) return { from_ms: Math.max(0, Math.round(at_ms - BEFORE_MS)), to_ms: Math.round(at_ms), text: "" };
  const { from_ms, to_ms, text } = turns[index];
  return { from_ms: Math.round(from_ms), to_ms: Math.round(to_ms), text: text.slice(0, 500) };
}
