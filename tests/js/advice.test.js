import assert from "node:assert/strict";
import { test } from "node:test";
import { Advice } from "../../static/core/advice.js";
import { strings } from "../../static/strings.js";

const faint = { type: "interlocutor.sound.advice", kind: "faint", message: "Move closer." };

test("advice waits until nobody speaks", () => {
  const advice = new Advice();
  advice.receive(faint);
  for (const state of ["hearing", "thinking", "speaking", "paused"]) assert.deepEqual(advice.due(state), []);
  assert.deepEqual(advice.due("listening"), [{ kind: "faint", message: "Move closer." }]);
  assert.deepEqual(advice.due("listening"), []);
});

test("advice of one kind is given once, of each kind for itself", () => {
  const advice = new Advice();
  advice.receive(faint);
  advice.due("listening");
  advice.receive(faint);
  advice.receive({ ...faint, kind: "noisy" });
  assert.deepEqual(advice.due("listening").map(({ kind }) => kind), ["noisy"]);
});

test("other events are no advice", () => {
  const advice = new Advice();
  advice.receive({ type: "interlocutor.problem", code: "reply.failed" });
  assert.deepEqual(advice.due("listening"), []);
});

test("the page has words for every kind", () => {
  for (const kind of ["faint", "clipped", "noisy"]) assert.ok(strings.talk.notices[`sound.${kind}`]);
});
