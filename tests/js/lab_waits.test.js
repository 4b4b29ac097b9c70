import assert from "node:assert/strict";
import { test } from "node:test";

import { asReport, forFigures } from "../../static/lab/report.js";
import { reachOf, rowsOfPause, tableOf } from "../../static/lab/wait_rows.js";

const judged = (after_ms, wait_ms, more) => ({
  after_ms,
  wait_ms,
  rule: "",
  text_goes_on: 0.12,
  voice_goes_on: null,
  goes_on: 0.12,
  look: null,
  words: `judged at ${after_ms}`,
  ...more,
});
const PAUSE = {
  silence_ms: 560,
  went_on: false,
  looks: [
    { asked_ms: 160, answered_ms: 210, goes_on: 0.3, words: "unsure" },
    { asked_ms: 500, answered_ms: null, goes_on: null, words: "no answer in time" },
  ],
  judged: [judged(130, 700), judged(210, 540, { voice_goes_on: 0.3, goes_on: 0.08, look: 0 })],
};
const FIXED = { silence_ms: 320, went_on: true, looks: [], judged: [judged(0, 300, { rule: "fixed", text_goes_on: null, goes_on: null })] };

test("a pause has a row for each judgement, and one for an answer that nobody weighed", () => {
  const rows = rowsOfPause(PAUSE);
  assert.deepEqual(rows.map(({ kind, at_ms, wait_ms }) => [kind, at_ms, wait_ms]), [["replaced", 130, 700], ["wait", 210, 540], ["look", 500, null]]);
  assert.deepEqual(rows[0].cells.map(({ text }) => text), ["12", "", "12", "700"]);
  assert.deepEqual(rows[1].cells.map(({ text, fresh }) => [text, fresh]), [["12", false], ["30", true], ["8", true], ["540", true]]);
  assert.equal(rows[1].look.asked_ms, 160);
  assert.deepEqual([rows[2].cells, rows[2].words], [null, "voice: no answer in time"]);
});

test("what was decided by a rule has its words in the place of figures", () => {
  assert.deepEqual(rowsOfPause(FIXED).map(({ cells, words }) => [cells, words]), [[null, "judged at 0"]]);
});

test("all pauses of a turn share an axis with room for the longest wait", () => {
  assert.ok(reachOf({ pauses: [FIXED, PAUSE] }) > 700);
  assert.equal(reachOf({ pauses: [{ silence_ms: null, looks: [], judged: [] }] }), 500);
});

test("the table has the same moments in the order of time", () => {
  assert.deepEqual(tableOf({ pauses: [FIXED, PAUSE] }).map(({ pause, after, said, then }) => [pause, after, said, then]), [
    ["1", "0 ms", "judged at 0", "wait 300 ms"],
    ["1", "320 ms", "The speaker went on.", ""],
    ["2", "130 ms", "judged at 130", "wait 700 ms"],
    ["2", "160 ms", "The turn detector was asked.", "after 210 ms: unsure"],
    ["2", "210 ms", "judged at 210", "wait 540 ms"],
    ["2", "500 ms", "The turn detector was asked.", "no answer in time"],
    ["2", "560 ms", "The turn was taken.", ""],
  ]);
});

test("an export has why it was waited; what figures are made of has not", () => {
  const run = { machine: {}, about: {}, repeats: [[{ text: "a", waits: [1] }], [{ text: "b", waits: [2] }]], troubles: [], topics_told: [] };
  assert.deepEqual(asReport(run).turns, [{ text: "b", waits: [2] }]);
  assert.deepEqual([forFigures(run).turns, forFigures(run).runs], [[{ text: "b" }], [[{ text: "a" }], [{ text: "b" }]]]);
  assert.deepEqual(run.repeats[1], [{ text: "b", waits: [2] }]);
});
