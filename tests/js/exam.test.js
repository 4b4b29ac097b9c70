import assert from "node:assert/strict";
import { test } from "node:test";

import { Visit } from "../../static/core/visit.js";
import { examToShow, isOf, mayGoOn, nextStep, opensIn, storeFor } from "../../static/exam/choosing_exam.js";
import { PartNotes } from "../../static/exam/part_notes.js";

/** Return a store like a tab's. */
const newTab = (kept = new Map()) => ({
  kept,
  getItem: (key) => kept.get(key) ?? null,
  setItem: (key, text) => kept.set(key, text),
  removeItem: (key) => kept.delete(key),
});

const exam = (id, state, opens_ms, closes_ms) => ({ id, state, opens_ms, closes_ms });

test("the exam under way comes first, then the next that can still be begun", () => {
  const coming = [exam("late", "scheduled", 900, 950), exam("next", "scheduled", 500, 600), exam("missed", "scheduled", 10, 20)];
  assert.equal(examToShow(coming, 100).id, "next");
  assert.equal(examToShow([...coming, exam("now", "begun", 50, 60)], 100).id, "now");
  assert.equal(examToShow(coming, 700).id, "late");
  assert.equal(examToShow([exam("over", "closed", 1, 999), exam("void", "void", 1, 999), coming[2]], 100), null);
});

test("how long it is until an exam opens is never less than nothing", () => {
  assert.equal(opensIn(exam("a", "scheduled", 500, 600), 100), 400);
  assert.equal(opensIn(exam("a", "scheduled", 500, 600), 700), 0);
});

test("what an exam keeps in the tab is not what practice keeps", () => {
  const tab = newTab();
  const store = storeFor(tab, "exam");
  store.setItem("visit", "words");
  assert.deepEqual([store.getItem("visit"), [...tab.kept.keys()]], ["words", ["exam"]]);
  store.removeItem("visit");
  assert.equal(store.getItem("visit"), null);
});

test("an exam is over when it is closed or void, and not while it waits to begin", () => {
  const talk = { name: "role_play", part: 1, left_ms: 10 };
  assert.equal(nextStep({ state: "scheduled", phase: null }), "begin");
  assert.equal(nextStep({ state: "begun", phase: null }), "wait");
  assert.equal(nextStep({ state: "begun", phase: { ...talk, name: "preparation" } }), "prepare");
  assert.equal(nextStep({ state: "begun", phase: talk }), "talk");
  for (const state of ["closed", "void"]) assert.equal(nextStep({ state, phase: null }), "end");
});

test("a part that is under way is continued, also after a try that failed", () => {
  const visit = new Visit(newTab(), { exam: "exam_a", part: 1, prepare_s: 0 }, "exam");
  assert.ok(!isOf(visit, "exam_a", 1) && !mayGoOn(visit, { code: "connection.lost" }));
  visit.resume = { token: "t", within_s: 30 };
  assert.ok(isOf(visit, "exam_a", 1));
  assert.ok(!isOf(visit, "exam_a", 2) && !isOf(visit, "exam_b", 1) && !isOf(null, "exam_a", 1));
  for (const code of ["connection.lost", "microphone.denied"]) assert.ok(mayGoOn(visit, { code }), code);
  for (const code of ["session.expired", "session.taken"]) assert.ok(!mayGoOn(visit, { code }), code);
});

test("the notes and ticks of a part are there again when the page is loaded again, and in no other part", () => {
  const tab = newTab();
  const notes = new PartNotes(tab, "exam_a", 1);
  notes.text = "ask about pain";
  notes.done = [0, 2];
  const again = new PartNotes(tab, "exam_a", 1);
  assert.deepEqual([again.part, again.text, again.done], [1, "ask about pain", [0, 2]]);
  for (const other of [new PartNotes(tab, "exam_a", 2), new PartNotes(tab, "exam_b", 1)]) assert.deepEqual([other.text, other.done], ["", []]);
  again.forget();
  assert.equal(new PartNotes(tab, "exam_a", 1).text, "");
});

test("notes last as long as the page where the browser keeps nothing", () => {
  const refuse = () => {
    throw new Error("full");
  };
  for (const store of [null, { getItem: () => "{", setItem: refuse, removeItem: refuse }]) {
    const notes = new PartNotes(store, "exam_a", 1);
    notes.text = "ask";
    notes.forget();
    assert.equal(notes.text, "ask");
  }
});
