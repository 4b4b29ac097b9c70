import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { cuesByState, hasCoaching, inOrder, places } from "../../static/core/coach.js";
import { Corrections, localStorageOf } from "../../static/core/corrections.js";
import { gainsOf, speechLevel } from "../../static/core/track_levels.js";
import { strings } from "../../static/strings.js";

const RATE_HZ = 8000;
const measure = (id, evidence = []) => ({ id, value: 1, counts: {}, unmeasured: "", evidence });
const storage = () => {
  const kept = new Map();
  return { kept, getItem: (key) => kept.get(key) ?? null, setItem: (key, text) => kept.set(key, text), removeItem: (key) => kept.delete(key) };
};
/** A second of a voice at an amplitude, with half a second of silence before it. */
const voice = (amplitude) => Float32Array.from({ length: 1.5 * RATE_HZ }, (_, i) => (i < RATE_HZ / 2 ? 0 : amplitude * Math.sin((2 * Math.PI * 200 * i) / RATE_HZ)));

test("the coach's measures come first, in the coach's order, and the others after them", () => {
  const measures = ["a", "b", "c"].map((id) => measure(id));
  const { first, others } = inOrder({ measures, coaching: { measures: ["c", "a", "gone"] } });
  assert.deepEqual(first.map(({ id }) => id), ["c", "a"]);
  assert.deepEqual(others.map(({ id }) => id), ["b"]);
});

test("what is nowhere in the recording has no place", () => {
  const evidence = [{ from_ms: 0, to_ms: 0 }, { from_ms: 100, to_ms: 200 }, { from_ms: 300, to_ms: 400 }];
  assert.deepEqual(places(evidence, 1), [evidence[1]]);
});

test("cues are found, partly heard or missed; those that were not told are nowhere", () => {
  const evidence = [
    { text: "Smoking", kind: "found", from_ms: 1000, to_ms: 2000 },
    { text: "Pain", kind: "partly", from_ms: 3000, to_ms: 3500 },
    { text: "Help", kind: "missed", from_ms: 0, to_ms: 0 },
  ];
  assert.deepEqual(cuesByState([measure("cues", evidence)]), {
    found: [{ topic: "Smoking", at_ms: 1000 }],
    partly: [{ topic: "Pain", at_ms: 3000 }],
    missed: [{ topic: "Help", at_ms: null }],
  });
  assert.deepEqual(cuesByState([]), { found: [], partly: [], missed: [] });
});

test("there is something to say once anything went well, is to be tried, or was heard", () => {
  const nothing = { coaching: { well: [], try: "" }, tasks: [{ state: "not_heard" }] };
  assert.equal(hasCoaching(nothing), false);
  assert.equal(hasCoaching({ ...nothing, tasks: [{ state: "perhaps" }] }), true);
  assert.equal(hasCoaching({ ...nothing, coaching: { well: [], try: "cues" } }), true);
  assert.equal(hasCoaching({ coaching: null, tasks: null }), false);
});

test("every measure and every piece of advice of the server has its words", () => {
  const of = (file, pattern) => [...readFileSync(new URL(`../../pipelines/assessment/${file}`, import.meta.url), "utf8").matchAll(pattern)].map(([, id]) => id);
  const measures = of("measure.py", /^ {4}"(\w+)": Definition\(/gm);
  assert.ok(measures.length > 10);
  for (const id of measures) {
    assert.equal(typeof strings.coach.names[id], "string", id);
    assert.equal(typeof strings.coach.values[id], "function", id);
  }
  const source = readFileSync(new URL("../../pipelines/assessment/coach.py", import.meta.url), "utf8");
  const rules = (name) => [...source.split(`${name}: tuple[_Rule, ...] = (`)[1].split("\n)\n")[0].matchAll(/^ {4}\("(\w+)"/gm)].map(([, id]) => id);
  for (const id of rules("_TO_TRY")) assert.equal(typeof strings.coach.try[id], "string", id);
  for (const id of [...rules("_WELL"), "tasks"]) assert.equal(typeof strings.coach.well[id], "string", id);
});

test("a quiet voice and a loud one are played equally loud, and neither clips", () => {
  const tracks = [voice(0.02), voice(0.6)];
  const [quiet, loud] = gainsOf(tracks, RATE_HZ);
  const played = [speechLevel(tracks[0], RATE_HZ) + 20 * Math.log10(quiet), speechLevel(tracks[1], RATE_HZ) + 20 * Math.log10(loud)];
  assert.ok(Math.abs(played[0] - played[1]) < 1, `${played}`);
  assert.ok(loud < 1 && loud * 0.6 <= 0.95);
});

test("a voice with a loud peak is not lifted into clipping", () => {
  const track = voice(0.02);
  track[9000] = 0.9;
  const [gain] = gainsOf([track], RATE_HZ);
  assert.ok(gain * 0.9 <= 0.95 + 1e-6);
});

test("silence stays as it is", () => {
  assert.deepEqual(gainsOf([new Float32Array(RATE_HZ), new Float32Array(0)], RATE_HZ), [1, 1]);
});

test("corrections are kept by role-play, and can be taken back", () => {
  const kept = storage();
  const first = new Corrections("sess_1", kept);
  first.put(2, 5, "  aspirin \n tablets ");
  assert.equal(new Corrections("sess_1", kept).at(2, 5), "aspirin tablets");
  assert.equal(new Corrections("sess_2", kept).at(2, 5), null);
  first.put(2, 5, "");
  assert.equal(kept.kept.size, 0);
});

test("what others left in the storage is no correction, and no storage is no fault", () => {
  const kept = storage();
  for (const text of ["{", "null", "[1]", '{"x": "y", "1.2": 3}']) {
    kept.setItem("interlocutor.corrections.sess_1", text);
    assert.equal(new Corrections("sess_1", kept).at(1, 2), null);
  }
  const full = { getItem: () => null, setItem: () => assert.fail("the storage is full"), removeItem: () => {} };
  const without = [null, { ...full, setItem: () => { throw new Error("full"); } }].map((place) => new Corrections("sess_1", place));
  for (const each of without) {
    each.put(1, 2, "word");
    assert.equal(each.at(1, 2), "word");
    each.forget();
    assert.equal(each.at(1, 2), null);
  }
  const forbidden = { get localStorage() { throw new Error("forbidden"); } };
  assert.equal(localStorageOf(forbidden), null);
});
