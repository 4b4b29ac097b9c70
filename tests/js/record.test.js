import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { peaks, scaled } from "../../static/core/peaks.js";
import { stretchOf, turnAt, wordAt } from "../../static/core/places.js";

const TURNS = [
  { from_ms: 1000, to_ms: 2000, words: [["good", 1000, 1400], ["morning", 1500, 2000]] },
  { from_ms: 2400, to_ms: 2400, words: [] }, // asked by the button: it has no sound
  { from_ms: 2500, to_ms: 6000, words: [["hello", 2500, 3000]] },
  { from_ms: 5500, to_ms: 7000, words: [["sorry", 5500, 7000]] }, // over the end of the one before
];

test("a waveform shows the loudest of each stretch, the last sample too", () => {
  const samples = Float32Array.from([0, 0.1, -0.5, 0.2, 0, 0, 0, -0.25]);
  assert.deepEqual([...peaks(samples, 4)], [0.1, 0.5, 0, 0.25].map(Math.fround));
  assert.deepEqual([...peaks(Float32Array.from([0.5]), 2)], [0.5, 0.5]);
  assert.deepEqual([...scaled(peaks(samples, 4))].map((value) => Math.round(10 * value)), [2, 10, 0, 5]);
  assert.ok(Math.max(...scaled(Float32Array.from([0.001, 0.0005]))) < 0.1); // silence is not blown up
});

test("the turn and the word that are heard are found by their time", () => {
  assert.equal(turnAt(TURNS, 500), -1);
  assert.equal(turnAt(TURNS, 1000), 0);
  assert.equal(turnAt(TURNS, 2400), -1);
  assert.equal(turnAt(TURNS, 5000), 2);
  assert.equal(turnAt(TURNS, 5600), 3); // of two at once, the later
  assert.equal(turnAt(TURNS, 8000), -1);
  assert.equal(wordAt(TURNS[0].words, 900), -1);
  assert.equal(wordAt(TURNS[0].words, 1450), 0); // between two words it is still the one before
  assert.equal(wordAt(TURNS[0].words, 1500), 1);
});

test("a turn is played with a little around it, within the recording", () => {
  assert.deepEqual(stretchOf(TURNS[0]), { from_ms: 850, to_ms: 2250 });
  assert.deepEqual(stretchOf({ from_ms: 100, to_ms: 900 }, 1000), { from_ms: 0, to_ms: 1000 });
});

test("styles know no left and right, so that other scripts mirror the page", () => {
  const folder = new URL("../../static/styles/", import.meta.url);
  // The meter's own growth is turned round by a rule of its own.
  const physical = /(?:margin|padding|border)-(?:left|right)|text-align: (?:left|right)|^\s*(?:left|right):|float:/m;
  for (const name of readdirSync(folder)) {
    assert.doesNotMatch(readFileSync(new URL(name, folder), "utf8"), physical, name);
  }
});
