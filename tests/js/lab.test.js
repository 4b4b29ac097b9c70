import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Problem } from "../../static/core/problems.js";
import { ANSWER_TIMEOUT_MS, Candidate, isCut, NATURAL_GAP_MS, OPENING_WAIT_MS, partsOf, TAIL_MS } from "../../static/lab/candidate.js";
import { curvesOf } from "../../static/lab/chart.js";
import { Figures } from "../../static/lab/figures.js";
import { lastVoicedMs, SoundGate, windowLevels } from "../../static/lab/loudness.js";
import { findSpans, planTurns, voiceOf } from "../../static/lab/plan.js";
import { asReport, fileName, turnAsJson } from "../../static/lab/report.js";
import { RunStore } from "../../static/lab/store.js";
import { barsOf, scaleOf } from "../../static/lab/turn_table.js";
import { strings } from "../../static/strings.js";

const DATA = new URL("../data/", import.meta.url);

/** Return the samples and the rate of a plain 16-bit mono WAV. */
function wav(name) {
  const bytes = readFileSync(new URL(name, DATA));
  const rate_hz = bytes.readUInt32LE(24);
  const from = bytes.indexOf("data") + 8;
  const samples = new Float32Array((bytes.length - from) >> 1);
  for (let i = 0; i < samples.length; i += 1) samples[i] = bytes.readInt16LE(from + 2 * i) / 32768;
  return { samples, rate_hz };
}

function truth(name) {
  const text = readFileSync(new URL(name, DATA), "utf8");
  const number = (field) => Number(text.match(new RegExp(`${field}: (\\d+)`))[1]);
  return { from_ms: number("from_ms"), to_ms: number("to_ms") };
}

const tone = (duration_ms, level, rate_hz = 24000) =>
  Float32Array.from({ length: (duration_ms * rate_hz) / 1000 }, (_, i) => level * Math.sin((2 * Math.PI * 220 * i) / rate_hz));

const row = (...parts) => Float32Array.from(parts.flatMap((part) => [...part]));

// ---------------------------------------------------------------- sound

test("the last voiced window is within 25 dB of the loudest", () => {
  const levels = windowLevels(row(tone(50, 0.5), tone(30, 0.1), tone(40, 0.001), tone(20, 0)), 24000);
  assert.equal(levels.length, 14);
  assert.equal(lastVoicedMs(levels), 80);
  assert.equal(lastVoicedMs(windowLevels(tone(50, 0), 24000)), null);
});

test("the gate tells to the window when sound begins, and bridges short pauses", () => {
  const sound = row(tone(35, 0), tone(55, 0.2), tone(60, 0), tone(50, 0.2), tone(300, 0));
  const gate = new SoundGate(24000);
  const told = [];
  for (let at = 0; at < sound.length; at += 128) told.push(...gate.push(sound.subarray(at, at + 128), 1000 + at / 24));
  assert.equal(told.length, 2);
  assert.deepEqual(told.map(({ on }) => on), [true, false]);
  assert.ok(Math.abs(told[0].at_ms - 1030) < 0.01, String(told[0].at_ms)); // the window that holds the first sound
  assert.ok(Math.abs(told[1].at_ms - 1200) < 0.01, String(told[1].at_ms));
});

for (const name of ["rate-44k", "rate-8k"]) {
  test(`${name}: the turn is found where its truth says`, () => {
    const { samples, rate_hz } = wav(`${name}.wav`);
    const known = truth(`${name}.truth.yaml`);
    const spans = findSpans(samples, rate_hz);
    assert.equal(spans.length, 1);
    assert.ok(Math.abs(spans[0].from_ms - known.from_ms) <= 120, JSON.stringify([spans, known]));
    assert.ok(Math.abs(spans[0].to_ms - known.to_ms) <= 120, JSON.stringify([spans, known]));
  });
}

test("long silences part turns, thinking pauses and clicks do not, and silence has none", () => {
  const sound = row(tone(500, 0), tone(600, 0.3), tone(1200, 0), tone(400, 0.3), tone(1700, 0), tone(30, 0.3), tone(900, 0.2), tone(200, 0));
  assert.deepEqual(
    findSpans(sound, 24000).map(({ from_ms, to_ms }) => [from_ms, to_ms]),
    [
      [500, 2700],
      [4400, 5330],
    ],
  );
  assert.deepEqual(findSpans(row(tone(500, 0), tone(40, 0.5), tone(500, 0)), 24000), []);
  assert.deepEqual(findSpans(tone(500, 0), 24000), []);
  assert.deepEqual(findSpans(new Float32Array(0), 24000), []);
});

test("a turn is cut with some of its room, never into its neighbour", () => {
  const spans = [
    { from_ms: 100, to_ms: 500, text: "One.", expect: "greeting" },
    { from_ms: 700, to_ms: 1000 },
  ];
  const [first, second] = planTurns(new Float32Array(24000 * 2), 24000, { spans, source: "a.wav" });
  assert.deepEqual([first.recorded_from_ms, first.voiced_from_ms, first.voiced_to_ms, first.samples.length], [0, 100, 500, 14400]);
  assert.deepEqual([second.recorded_from_ms, second.voiced_from_ms, second.voiced_to_ms, second.samples.length], [600, 100, 400, 19200]);
  assert.deepEqual([first.text, first.expect, first.source, second.text], ["One.", "greeting", "a.wav", null]);
});

test("the channel that carries the speech is taken", () => {
  const [left, right] = [Float32Array.of(1, 1), Float32Array.of(0, 0.5)];
  assert.equal(voiceOf([left, right], "left"), left);
  assert.equal(voiceOf([left, right], "right"), right);
  assert.deepEqual([...voiceOf([left, right])], [0.5, 0.75]);
  assert.equal(voiceOf([left], "right"), left);
  const opposite = left.map((value) => -0.9 * value);
  assert.equal(voiceOf([opposite, left]), left, "channels that cancel each other are no silence");
});

// ---------------------------------------------------------------- the candidate

const turn = (text = "Hello.") => ({ text, expect: null, source: "a.wav", voiced_from_ms: 100, voiced_to_ms: 900, found_to_ms: 860 });
const replies = (number) => ({ type: "response.created", response: { id: `resp_${number}` } });
const done = (number, text) => ({
  type: "response.done",
  response: { id: `resp_${number}`, output: [{ content: [{ transcript: text }] }] },
});
const heard = (transcript) => ({ type: "conversation.item.input_audio_transcription.completed", transcript });
const LATENCY = {
  type: "interlocutor.turn.latency",
  voice_to_voice_ms: 480,
  last_voiced_ms: 1290,
  parts: { endpoint: 300, recognise: 20, respond: 30, speak: 40, deliver: 90 },
};

test("a turn from its first sample to the end of the reply", () => {
  const candidate = new Candidate([turn(), turn()], { now_ms: 5000 });
  assert.equal(candidate.next(5000 + OPENING_WAIT_MS - 1), null);
  assert.equal(candidate.state, "opening");
  assert.equal(candidate.next(5000 + OPENING_WAIT_MS), 0);
  candidate.began(0, 5420, 420);
  assert.equal(candidate.state, "speaking");
  assert.equal(candidate.next(9000), null);
  candidate.spoken();
  assert.equal(candidate.state, "waiting");
  candidate.receive(heard("hello"), 6700);
  candidate.receive(replies(1), 6780);
  candidate.sound(true, 6800);
  candidate.receive(LATENCY, 6900);
  assert.equal(candidate.results[0].voice_to_voice_ms, 480); // 5420 + 900 is when the voice ended
  candidate.receive(done(1, "Hi."), 7000);
  assert.equal(candidate.state, "listening");
  assert.equal(candidate.next(7600), null); // still sounding
  candidate.sound(false, 7550);
  assert.equal(candidate.next(7550 + NATURAL_GAP_MS - 1), null);
  assert.equal(candidate.state, "between");
  assert.equal(candidate.next(7550 + NATURAL_GAP_MS), 1);
  assert.equal(candidate.finished(20000), false);
  const parts = partsOf(candidate.results[0], true);
  assert.deepEqual(parts, { endpoint: 270, recognise: 20, respond: 30, speak: 40, deliver: 120 }); // 1290 against 420 + 900
  assert.deepEqual(partsOf(candidate.results[0], false), { ...parts, endpoint: 260, deliver: 130 }); // 860 against 900
});

test("sound that comes before its reply is told of belongs to it; what was claimed is not claimed twice", () => {
  const candidate = new Candidate([turn(), turn()], { now_ms: 0, same_clock: false });
  candidate.began(0, 1000, 0);
  candidate.spoken();
  candidate.sound(true, 2300, { buffer_ms: 50, lost: 0, round_trip_ms: 1 });
  candidate.receive(replies(1), 2320);
  assert.equal(candidate.results[0].network.buffer_ms, 50);
  assert.equal(candidate.results[0].voice_to_voice_ms, 400);
  candidate.sound(false, 2900);
  candidate.sound(true, 3000); // the same reply goes on
  candidate.sound(false, 3500);
  candidate.receive(done(1, "Yes."), 3510);
  candidate.began(1, 4100, 3100);
  candidate.spoken();
  candidate.receive(replies(2), 5100);
  assert.equal(candidate.results[1].voice_to_voice_ms, null);
  candidate.sound(true, 5300);
  assert.equal(candidate.results[1].voice_to_voice_ms, 300);
});

test("a patient who begins is heard out, and is no answer", () => {
  const candidate = new Candidate([turn()], { now_ms: 0 });
  candidate.receive(replies(1), 100);
  candidate.sound(true, 150);
  assert.equal(candidate.next(3000), null);
  candidate.receive(done(1, "Oh, there you are."), 2000);
  candidate.sound(false, 2400);
  assert.equal(candidate.next(2500), null);
  assert.equal(candidate.next(2400 + NATURAL_GAP_MS), 0);
  assert.deepEqual(candidate.results[0].said, []);
});

test("who is not answered goes on after a while, and in the end gives up", () => {
  const candidate = new Candidate([turn(), turn()], { now_ms: 0 });
  candidate.began(0, 1000, 1000);
  candidate.spoken();
  assert.equal(candidate.next(1900 + ANSWER_TIMEOUT_MS - 1), null);
  assert.equal(candidate.next(1900 + ANSWER_TIMEOUT_MS), 1);
  candidate.began(1, 20000, 20000);
  candidate.spoken();
  assert.equal(candidate.finished(20900 + ANSWER_TIMEOUT_MS - 1), false);
  assert.equal(candidate.finished(20900 + ANSWER_TIMEOUT_MS), true);
});

test("after the last answer it listens a moment longer; an ended session ends it at once", () => {
  const candidate = new Candidate([turn()], { now_ms: 0 });
  candidate.began(0, 1000, 1000);
  candidate.spoken();
  candidate.receive(replies(1), 2000);
  candidate.sound(true, 2100);
  candidate.sound(false, 2500);
  candidate.receive(done(1, "Yes."), 2500);
  assert.equal(candidate.finished(2500 + TAIL_MS - 1), false);
  assert.equal(candidate.finished(2500 + TAIL_MS), true);
  const other = new Candidate([turn()], { now_ms: 0 });
  other.receive({ type: "interlocutor.session.ended", reason: "time_limit" }, 10);
  assert.deepEqual([other.finished(10), other.next(9000), other.over], [true, null, "time_limit"]);
});

test("a turn that is answered too early, or taken for two, is cut; refusals are told", () => {
  const candidate = new Candidate([turn()], { now_ms: 0 });
  candidate.began(0, 1000, 1000);
  candidate.receive(replies(1), 1400);
  candidate.sound(true, 1500);
  assert.equal(candidate.results[0].voice_to_voice_ms, -400);
  assert.equal(isCut(candidate.results[0]), true);
  candidate.receive(LATENCY, 1550);
  assert.equal(partsOf(candidate.results[0], false), null);
  assert.ok(partsOf(candidate.results[0], true).endpoint < 0);
  assert.equal(isCut({ voice_to_voice_ms: 400, heard: ["one", "two"] }), true);
  assert.equal(isCut({ voice_to_voice_ms: 400, heard: ["one"] }), false);
  candidate.receive({ type: "error", error: { message: "no" } }, 1600);
  candidate.receive({ type: "interlocutor.problem", code: "reply.failed" }, 1700);
  assert.deepEqual(candidate.troubles, ["no", "reply.failed"]);
});

// ---------------------------------------------------------------- what it found

const answered = (text, voice_to_voice_ms, more = {}) => ({
  source: "a.wav",
  text,
  heard: text,
  said: "Yes.",
  answers: 1,
  cut: false,
  voice_to_voice_ms,
  parts: { endpoint: voice_to_voice_ms - 20, recognise: 5, respond: 5, speak: 5, deliver: 5 },
  timeline: { reply: 1, wait_ms: 300, speculated: 2, discarded: 1, discarded_ms: 40, reused: true },
  ...more,
});
const made = (id, ...repeats) => ({ id, name: id, machine: { cores: 2 }, about: { card: "c" }, repeats, troubles: [], topics_told: [] });

test("a turn has the fields of a replay's report", () => {
  const candidate = new Candidate([turn()], { now_ms: 0 });
  candidate.began(0, 1420, 420);
  candidate.receive(heard("hello"), 2400);
  candidate.receive(replies(1), 2600);
  candidate.sound(true, 2800.123);
  candidate.receive(LATENCY, 2900);
  candidate.receive({ type: "interlocutor.turn.timeline", event_id: "e", item_id: "item_p1", turn: 1, wait_ms: 300, reused: true }, 2900);
  candidate.receive(done(1, "Hi."), 3000);
  const plain = turnAsJson(candidate.results[0], { same_clock: true });
  assert.deepEqual(plain.timeline, { reply: 1, turn: 1, wait_ms: 300, reused: true });
  assert.equal(plain.voice_to_voice_ms, 480.1);
  assert.equal(plain.server_voice_to_voice_ms, 480);
  const total_ms = Object.values(plain.parts).reduce((sum, ms) => sum + ms, 0);
  assert.ok(Math.abs(total_ms - plain.voice_to_voice_ms) < 0.1);
  assert.deepEqual([plain.heard, plain.said, plain.answers, plain.cut, plain.voiced_end_ms], ["hello", "Hi.", 1, false, 1320]);
});

test("a report has its runs where there are several, and a file a name that every system takes", () => {
  assert.equal(asReport(made("x", [answered("a", 300)])).runs, undefined);
  assert.equal(asReport(made("x", [answered("a", 300)], [answered("a", 310)])).runs.length, 2);
  const summary = { turns: 1 };
  assert.equal(asReport({ ...made("x", [answered("a", 300)]), summary }).summary, summary);
  assert.equal(JSON.stringify(asReport(made("x", []))).includes("summary"), false);
  assert.equal(fileName({ name: "Fixed 500 ms / é?" }), "latency-fixed-500-ms.json");
  assert.equal(fileName({ name: "语" }), "latency-run.json");
});

test("distributions are drawn over the same times, and end at all turns", () => {
  const nothing = { times_ms: [], shares: [] };
  const two = { times_ms: [100, 300], shares: [50, 100] };
  const [times_ms, first, second, third] = curvesOf([two, { times_ms: [200], shares: [100] }, nothing]);
  assert.deepEqual(times_ms.map(Math.round), [0, 100, 200, 300, 315]);
  assert.deepEqual(first, [0, 50, 50, 100, 100]);
  assert.deepEqual(second, [0, 0, 100, 100, 100]);
  assert.deepEqual(third, [null, null, null, null, null]);
  assert.equal(curvesOf([nothing]), null);
});

test("bars begin where the one before ended, and stay on the scale", () => {
  const bars = barsOf({ endpoint: 200, recognise: 0, respond: 100, speak: 0, deliver: 100 }, 500);
  assert.deepEqual(bars, [
    { name: "endpoint", ms: 200, from: 0, width: 40 },
    { name: "respond", ms: 100, from: 40, width: 20 },
    { name: "deliver", ms: 100, from: 60, width: 20 },
  ]);
  const early = barsOf({ endpoint: -100, recognise: 0, respond: 0, speak: 0, deliver: 300 }, 100);
  assert.deepEqual(early, [{ name: "deliver", ms: 300, from: 0, width: 100 }]);
  assert.deepEqual([scaleOf([]), scaleOf([{ voice_to_voice_ms: 251 }]), scaleOf([{ voice_to_voice_ms: 30000 }])], [250, 500, 30000]);
});

// ---------------------------------------------------------------- keeping it

class Drawer {
  constructor(text = null, room = Infinity) {
    this.text = text;
    this.room = room;
  }

  getItem() {
    return this.text;
  }

  setItem(_key, text) {
    if (text.length > this.room) throw new Error("full");
    this.text = text;
  }
}

test("runs outlast the page, and can be deleted", () => {
  const drawer = new Drawer();
  const store = new RunStore(drawer);
  store.put(made("x", []));
  store.put(made("y", []));
  store.put({ ...made("x", []), name: "renamed" });
  assert.deepEqual(new RunStore(drawer).runs.map(({ name }) => name), ["renamed", "y"]);
  store.remove("x");
  assert.deepEqual(new RunStore(drawer).runs.map(({ id }) => id), ["y"]);
  store.clear();
  assert.deepEqual(new RunStore(drawer).runs, []);
});

test("a store that is full, closed or spoilt is survived, and told", () => {
  const full = new RunStore(new Drawer(null, 10));
  full.put(made("x", []));
  assert.deepEqual([full.kept, full.runs.length], [false, 1]);
  const none = new RunStore(null);
  none.put(made("x", []));
  assert.deepEqual([none.kept, none.runs.length], [false, 1]);
  for (const text of ["no json", "7", '[{"id": 3}, null]']) assert.deepEqual(new RunStore(new Drawer(text)).runs, [], text);
});

// ---------------------------------------------------------------- figures

/** A server that computes; `faults` are thrown one after another before it does. */
class Computing {
  asked = [];

  constructor(...faults) {
    this.faults = faults;
  }

  async summary(report) {
    return this.#answer(`summary of ${report.about.card}`, { summary: { turns: 1 }, distribution: {} });
  }

  async comparison(now, before) {
    return this.#answer(`${now.about.card} against ${before.about.card}`, { paired: true });
  }

  #answer(asked, found) {
    this.asked.push(asked);
    const fault = this.faults.shift();
    if (fault) throw fault;
    return found;
  }
}

/** Return figures of runs by these names, of which the first is the baseline, and their store. */
function figuresOf(api, ...names) {
  const store = new RunStore(null);
  for (const name of names) store.put({ ...made(name, [answered("a", 300)]), about: { card: name } });
  const figures = new Figures(store, api);
  figures.baseline = names[0];
  return { figures, store };
}

test("the server is asked once for each figure, and for the comparisons with another baseline", async () => {
  const api = new Computing();
  const { figures, store } = figuresOf(api, "x", "y");
  await Promise.all([figures.fetch(), figures.fetch()]);
  await figures.fetch();
  assert.deepEqual(api.asked, ["summary of x", "summary of y", "y against x"]);
  assert.deepEqual(store.runs.map(({ summary }) => summary), [{ turns: 1 }, { turns: 1 }]);
  assert.deepEqual([figures.against("x"), figures.against("y")], [null, { paired: true }]);
  figures.baseline = "y";
  assert.equal(figures.against("x"), null);
  await figures.fetch();
  assert.equal(api.asked.at(-1), "x against y");
});

test("without the server there are no figures until it is asked again", async () => {
  const api = new Computing(new Problem("server.unreachable"));
  const { figures } = figuresOf(api, "x", "y");
  const seen = [];
  figures.onchange = () => seen.push(figures.failed?.problem.code ?? null);
  await figures.fetch();
  assert.deepEqual([api.asked.length, figures.failed.name, figures.against("y")], [1, "x", null]);
  await figures.fetch();
  assert.deepEqual([figures.failed, figures.against("y")], [null, { paired: true }]);
  assert.deepEqual(seen, ["server.unreachable", null, null, null]);
  const other = figuresOf(new Computing(new TypeError("ours")), "x");
  await assert.rejects(other.figures.fetch(), TypeError);
});

test("a run that the server refuses is named; without it the others have their figures", async () => {
  const refused = Object.assign(new Problem("server.failed", { detail: "too many turns" }), { status: 400 });
  const { figures, store } = figuresOf(new Computing(null, refused), "x", "y", "z");
  await figures.fetch();
  assert.deepEqual([figures.failed.name, figures.failed.problem.detail], ["y", "too many turns"]);
  store.remove("y");
  await figures.fetch();
  assert.deepEqual([figures.failed, figures.against("z")], [null, { paired: true }]);
});

test("a run that is renamed or deleted meanwhile stays so", async () => {
  const api = new Computing();
  const { figures, store } = figuresOf(api, "x", "y");
  const fetched = figures.fetch();
  store.put({ ...store.runs[0], name: "renamed" });
  await fetched;
  assert.deepEqual([store.runs[0].name, store.runs[0].summary], ["renamed", { turns: 1 }]);
  const gone = figuresOf(api, "x");
  const asked = gone.figures.fetch();
  gone.store.remove("x");
  await asked;
  assert.deepEqual(gone.store.runs, []);
});

test("while a run measures nothing is computed", async () => {
  const api = new Computing();
  const { figures } = figuresOf(api, "x");
  figures.paused = true;
  await figures.fetch();
  assert.deepEqual(api.asked, []);
  figures.paused = false;
  assert.deepEqual(api.asked, ["summary of x"]);
});

test("whatever is left out is named", () => {
  for (const [code, words] of Object.entries(strings.lab.unusable)) assert.match(words("a.wav"), /a\.wav.*\.$/, code);
});
