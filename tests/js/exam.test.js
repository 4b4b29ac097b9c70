import assert from "node:assert/strict";
import { test } from "node:test";

import { examToShow, opensIn, storeFor } from "../../static/exam/choosing_exam.js";

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
  const kept = new Map();
  const tab = { getItem: (key) => kept.get(key) ?? null, setItem: (key, text) => kept.set(key, text), removeItem: (key) => kept.delete(key) };
  const store = storeFor(tab, "exam");
  store.setItem("visit", "words");
  assert.deepEqual([store.getItem("visit"), [...kept.keys()]], ["words", ["exam"]]);
  store.removeItem("visit");
  assert.equal(store.getItem("visit"), null);
});
