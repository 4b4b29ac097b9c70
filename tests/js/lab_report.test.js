import assert from "node:assert/strict";
import { test } from "node:test";

import { cellsOf } from "../../static/lab/comparison_table.js";
import { figuresOf } from "../../static/lab/report_view.js";
import { turnsIn } from "../../static/lab/timeline.js";
import { meanText, percentileText, sooner } from "../../static/lab/turn_table.js";
import { inWords, rowsOf } from "../../static/lab/turn_rows.js";
import { measuredWaits, placesOf, waitsBetween } from "../../static/lab/two_voices.js";

const TIMELINE = {
  last_voiced_ms: 2030,
  wait_ms: 240,
  pause_ms: 120,
  transcript_ms: 130,
  draft_ms: 140,
  clause_ms: 150,
  sound_ms: 190,
  endpoint_ms: 240,
  committed_ms: 240,
  released_ms: 240,
  speculated: 2,
  discarded: 1,
  discarded_ms: 31.7,
  reused: true,
};
const VIEW = {
  from_ms: -1200,
  to_ms: 1180,
  shift_ms: 30,
  drafts: [{ made_ms: -1100, discarded_ms: -1000, reason: "resumed", cost_ms: 31.7 }],
};
const TURN = {
  voice_to_voice_ms: 280,
  parts: { endpoint: 270, recognise: 0, respond: 0, speak: 0, deliver: 10 },
  timeline: TIMELINE,
  view: VIEW,
};
const named = (rows, name) => rows.find(({ label }) => label === name);

test("a turn is told in words", () => {
  assert.equal(
    inWords(TURN),
    "The patient was heard 280 ms after the last sound: 270 ms making sure that the turn was over, 10 ms its way to the ear. " +
      "A silence of 240 ms was asked for. Pause noticed at 150 ms, all of the text there at 160 ms, reply asked for ahead at 170 ms, " +
      "first clause at 180 ms, first sound at 220 ms, turn over at 270 ms, final text at 270 ms, released at 270 ms. " +
      "Drafts thrown away, made at -1.1 s (resumed, 32 ms of computation).",
  );
  assert.equal(inWords({ ...TURN, voice_to_voice_ms: null }), "The turn was not answered.");
  assert.equal(inWords({ ...TURN, parts: null }), "The patient was heard after 280 ms; the server did not split the time.");
});

test("the parts follow one another, and the silence asked for is beside the endpoint", () => {
  const rows = rowsOf({ ...TURN, parts: { ...TURN.parts, recognise: 40, respond: -10 } });
  const ends = (name) => named(rows, name).bars.map(({ from_ms, to_ms }) => [from_ms, to_ms]);
  assert.deepEqual(["endpoint", "recognise", "respond", "speak", "deliver"].map(ends), [
    [[0, 270]],
    [[270, 310]],
    [[300, 310]],
    [[300, 300]],
    [[300, 310]],
  ]);
  assert.deepEqual(named(rows, "endpoint").lines, [{ kind: "asked", at_ms: 270 }]);
  assert.equal(named(rows, "endpoint").value.text, "270 ms");
});

test("what was prepared ahead is shown, kept and thrown away", () => {
  const row = named(rowsOf(TURN), "prepared ahead");
  assert.deepEqual(
    row.bars.map(({ kind, from_ms, to_ms }) => [kind, from_ms, to_ms]),
    [
      ["discarded", -1100, -1000],
      ["ahead", 170, 220],
    ],
  );
  assert.deepEqual(row.lines, [{ kind: "zero", at_ms: 180 }]);
  assert.deepEqual(row.value, { at_ms: 220, text: "50 ms" });
  const marks = ["pause noticed", "text of all of it"].map((name) => named(rowsOf(TURN), name).marks);
  assert.deepEqual(marks, [[150], [160]]);
});

test("a draft from before the picture is counted and not drawn", () => {
  const turn = { ...TURN, view: { ...VIEW, from_ms: -800 } };
  const row = named(rowsOf(turn), "prepared ahead");
  assert.equal(row.note, "‹ 1 thrown away");
  assert.deepEqual(row.bars.map(({ kind }) => kind), ["ahead"]);
  assert.match(inWords(turn), /made at -1\.1 s/);
});

test("a turn of which a server told nothing has no rows", () => {
  assert.deepEqual(rowsOf({ ...TURN, parts: null, timeline: null, view: { ...VIEW, drafts: [] } }), []);
});

test("a figure is as exact as its size, and has its sign where it is a difference", () => {
  const figure = { unit: "ms", before: 300.25, now: 250.04, change: -50.21, interval: [-80.4, 3.6] };
  assert.deepEqual(cellsOf(figure), ["300", "250", "-50", "-80 to +4"]);
  assert.deepEqual(cellsOf({ ...figure, before: 10.04, now: 10, change: -0.04, interval: null }), ["10.0", "10.0", "+0.0", "-"]);
  assert.deepEqual(cellsOf({ unit: "of all turns", before: null, now: 0.25, change: null, interval: null }), ["-", "0.250", "-", "-"]);
});

test("figures that nobody knows are left out", () => {
  const summary = {
    turns: 2,
    answered_once: 1,
    cut: 0,
    voice_to_voice_ms: { p50: 280, p95: null },
    after_endpoint_ms: { p50: 10, p95: 10 },
    drafts: { made: 2, discarded: 1, reused: 1, turns: 2, discarded_s_per_turn: null },
    expected_cue_rate: null,
  };
  assert.deepEqual(figuresOf(summary).map(([value]) => value), ["280 ms", "-", "10 ms", "1 of 2", "0 of 2"]);
  const known = { ...summary, expected_cue_rate: 0.5, drafts: { ...summary.drafts, discarded_s_per_turn: 0.0159 } };
  assert.deepEqual(figuresOf(known).slice(5), [
    ["50 %", "told as expected"],
    ["1 of 2", "replies made ahead"],
    ["1 of 2", "drafts thrown away"],
    ["16 ms", "computed in vain, a turn"],
  ]);
});

test("a mean is told with its interval and its number, and few turns have no percentile", () => {
  assert.equal(meanText({ n: 24, mean: 430.2, interval: [410.4, 470.6] }), "430 ms (410 to 471, n = 24)");
  assert.equal(meanText({ n: 1, mean: 300, interval: null }), "300 ms (n = 1)");
  assert.equal(meanText({ n: 0, mean: null, interval: null }), "-");
  assert.deepEqual([percentileText(400, 19), percentileText(400, 20), percentileText(400, undefined)], ["-", "400 ms", "400 ms"]);
});

test("an answer before the wait was over is explained, or called a defect", () => {
  const timeline = { wait_ms: 240, last_voiced_ms: 1000 };
  const turn = { cut: false, voice_to_voice_ms: 150, timeline, voiced_end_ms: 1100 };
  assert.match(sooner(turn), /100 ms before the truth has it/);
  assert.match(sooner({ ...turn, voiced_end_ms: 1010 }), /nothing explains it/);
  assert.equal(sooner({ ...turn, voice_to_voice_ms: 240 }), null);
  assert.equal(sooner({ ...turn, cut: true }), null);
  assert.equal(sooner({ ...turn, timeline: null }), null);
});

const said = (role, from_ms, to_ms, more = {}) => ({ role, from_ms, to_ms, text: "", words: [], ...more });

test("both voices, waits, cut-ins and drafts have their places in the strip", () => {
  const { width, bars, labels, ticks } = placesOf({
    turns: [said("candidate", 0, 1000, { words: [["Hello", 0, 400], ["doctor", 10, 500], ["here", 20, 700]] }), said("patient", 1500, 3000, { interrupted: true }), { role: "patient", text: "typed" }],
    waits: [{ from_ms: 1000, to_ms: 1500, ms: 500 }, { from_ms: 4000, to_ms: 5000, ms: -1000 }],
    drafts: [{ made_ms: 500, done_ms: 700, reason: "resumed", cost_ms: 31.7 }, { made_ms: 1200, done_ms: 1400, reason: null, cost_ms: null }],
    length_ms: 10000,
  });
  assert.equal(width, 901);
  assert.deepEqual(bars.map((bar) => [bar.kind, bar.x, bar.width]), [
    ["wait", 90, 45],
    ["cut", 360, 90],
    ["candidate", 0, 90],
    ["interrupted", 135, 135],
    ["thrown-away", 45, 18],
    ["kept", 108, 18],
  ]);
  assert.match(bars[1].title, /1000 ms before the turn was over/);
  assert.match(bars[4].title, /thrown away \(resumed\) after 32 ms/);
  // Two lines have room for two words that begin at once, and the third goes without.
  assert.deepEqual(labels.filter(({ kind }) => kind === "candidate").map(({ text, line }) => [text, line]), [["Hello", 0], ["doctor", 1]]);
  assert.deepEqual(ticks, [0, 5000, 10000]);
});

test("waits are those that were measured, or else those between the turns of the record", () => {
  const answered = { voiced_end_ms: 2000, voice_to_voice_ms: 400 };
  assert.deepEqual(measuredWaits([answered, { voiced_end_ms: 5000, voice_to_voice_ms: -300 }, { voiced_end_ms: 9000, voice_to_voice_ms: null }, { voice_to_voice_ms: 5 }]), [
    { from_ms: 2000, to_ms: 2400, ms: 400 },
    { from_ms: 4700, to_ms: 5000, ms: -300 },
  ]);
  assert.deepEqual(waitsBetween([said("candidate", 0, 1000), said("patient", 1500, 3000), said("patient", 3100, 3200), said("candidate", 3200, 5000), said("patient", 4000, 6000)]), [
    { from_ms: 1000, to_ms: 1500, ms: 500 },
    { from_ms: 4000, to_ms: 5000, ms: -1000 },
  ]);
});

test("a role-play of a run has the turns of its recording and repeat", () => {
  const [one, two, other] = [{ name: "a.wav" }, { name: "a.wav" }, { name: "b.wav" }];
  const turn = (source, text) => ({ source, text });
  const run = { sessions: [one, other, two], repeats: [[turn("a.wav", 1), turn("b.wav", 2)], [turn("a.wav", 3)]] };
  assert.deepEqual([one, other, two].map((session) => turnsIn(run, session).map(({ text }) => text)), [[1], [2], [3]]);
});
