import assert from "node:assert/strict";
import { test } from "node:test";

import { PARTS, waterfall } from "../../static/core/waterfall.js";
import { strings } from "../../static/strings.js";

const AFTER = {
  type: "interlocutor.turn.timeline",
  turn: 1,
  item_id: "item_p1",
  last_voiced_ms: 2100,
  wait_ms: 380,
  pause_ms: 140,
  transcript_ms: 190,
  draft_ms: null,
  clause_ms: 580,
  sound_ms: 660,
  endpoint_ms: 400,
  committed_ms: 520,
  released_ms: 660,
  audible_ms: 812,
  speculated: 0,
  discarded: 0,
  discarded_ms: 0,
  reused: false,
};

const sum = (parts) => parts.reduce((total_ms, { ms }) => total_ms + ms, 0);

test("a reply that was made after the end: each part lasts until its step was reached", () => {
  const { total_ms, parts, ahead } = waterfall(AFTER);
  assert.equal(total_ms, 810);
  assert.equal(ahead, false);
  assert.deepEqual(parts, [
    { name: "endpoint", ms: 400 },
    { name: "recognise", ms: 120 },
    { name: "respond", ms: 60 },
    { name: "speak", ms: 80 },
    { name: "deliver", ms: 150 },
  ]);
});

test("what was done before the end took no time after it", () => {
  const event = { ...AFTER, draft_ms: 160, clause_ms: 170, sound_ms: 210, endpoint_ms: 240, committed_ms: 240, audible_ms: 276, reused: true };
  assert.deepEqual(waterfall(event), {
    total_ms: 280,
    parts: [
      { name: "endpoint", ms: 240 },
      { name: "deliver", ms: 40 },
    ],
    ahead: true,
    discarded: 0,
  });
});

test("rounded parts still add up to the rounded whole", () => {
  for (let i = 0; i < 200; i += 1) {
    const steps = [3.4 * i, 3.4 * i + 4.9, 4.1 * i + 9.7, 4.3 * i + 14.6, 4.9 * i + 24.4];
    const event = { ...AFTER };
    PARTS.forEach(([, field], index) => (event[field] = steps[index]));
    const { total_ms, parts } = waterfall(event);
    assert.equal(sum(parts), total_ms);
    assert.ok(Math.abs(total_ms - steps[4]) <= 5);
  }
});

test("steps that never were, and times before the last sound", () => {
  const { total_ms, parts } = waterfall({ ...AFTER, clause_ms: null, sound_ms: undefined });
  assert.deepEqual([total_ms, parts.map(({ name }) => name)], [810, ["endpoint", "recognise", "deliver"]]);
  assert.deepEqual(waterfall({ ...AFTER, endpoint_ms: -80, committed_ms: -80, clause_ms: -90, sound_ms: -85, audible_ms: -70 }).parts, []);
});

test("an event that can't be used", () => {
  assert.equal(waterfall({ ...AFTER, audible_ms: null }), null);
  assert.equal(waterfall({ ...AFTER, endpoint_ms: "400" }), null);
  assert.equal(waterfall({ type: AFTER.type }), null);
});

test("every part has its words", () => {
  for (const [name] of PARTS) assert.ok(strings.talk.timing.parts[name], name);
});
