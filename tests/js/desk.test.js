import assert from "node:assert/strict";
import { test } from "node:test";

import { kappaText, severityText } from "../../static/desk/agreement_view.js";
import { Ear } from "../../static/desk/ear.js";
import { EarQueue, RATE_HZ, readSound } from "../../static/desk/ear_queue.js";
import { DeskApi } from "../../static/desk/desk_api.js";
import { measureText } from "../../static/desk/figures_view.js";
import { Followed, runningMeasures } from "../../static/desk/followed.js";
import { MarkSheet, stretchAt } from "../../static/desk/mark_sheet.js";
import { NoteBook, NoteBooks, noteId } from "../../static/desk/note_book.js";
import { PickedStretch, wordsBetween } from "../../static/desk/picked_stretch.js";
import { markedWords } from "../../static/desk/picking_view.js";
import { isTaken, Keys } from "../../static/desk/keys.js";
import { recordState } from "../../static/desk/record_state.js";
import { intentOf } from "../../static/desk/said_view.js";
import { words } from "../../static/desk/strings.js";

const CUES = [
  { id: "pain", topic: "Pain", kind: "asked", says: ["It throbs."], emotion: "neutral" },
  { id: "worry", topic: "His father", kind: "volunteered", says: ["My father lost a leg."], emotion: "afraid" },
];
const snapshot = (next_seq = 0, session = {}) => ({
  type: "interlocutor.desk.snapshot",
  next_seq,
  session: { id: "sess_1", mode: "exam", status: "running", candidate: "Ana", card: { title: "Card", cues: CUES }, left_ms: 1000, paused: false, ...session },
});

/** A role-play that is followed; `tell` gives events their numbers. */
function followed() {
  const state = new Followed();
  let seq = 0;
  const tell = (...events) =>
    state.receive({
      type: "interlocutor.desk.events",
      events: events.map(([event, payload, media_ms = 0]) => ({ seq: seq++, media_ms, session_ms: media_ms, wall: "", event, payload })),
    });
  state.receive(snapshot());
  return { state, tell };
}

test("a turn grows, is settled, and says what it was taken for", () => {
  const { state, tell } = followed();
  tell(["session_started", {}], ["speech_started", { turn: 1, at_ms: 400 }], ["transcript_partial", { turn: 1, text: "does it hurt", stable_words: 2 }, 900]);
  assert.equal(state.speaking, "candidate");
  assert.deepEqual([state.lines[0].text, state.lines[0].settled, state.lines[0].done], ["does it hurt", 2, false]);
  tell(["utterance_interpreted", { turn: 1, act: "cue_question", cues: { pain: 0.9, worry: 0.1 }, asks: 0.9, subjects: { symptoms: 0.8 } }]);
  tell(["turn_committed", { turn: 1, text: "Does it hurt?", from_ms: 400, to_ms: 1600, typed: false }, 2000]);
  assert.equal(state.speaking, null);
  assert.equal(state.questions, 1);
  assert.equal(intentOf(state.lines[0].intent), `${words.follow.acts.cue_question}, Pain`);
  assert.equal(state.media_ms, 2000);
});

test("a cue is being told, told, and taken back", () => {
  const { state, tell } = followed();
  const cue = (id) => state.cues.find((one) => one.id === id).state;
  tell(["reply_started", { reply: 1, turn: 1 }, 2000], ["reply_proposed", { cues: ["pain"] }], ["clause_spoken", { reply: 1, text: "It throbs." }, 2100]);
  assert.equal(cue("pain"), "next");
  tell(["cue_heard", { cue: "pain", reply: 1, turn: 1 }, 3000], ["reply_finished", { reply: 1, status: "completed", heard: "It throbs.", played_ms: 900 }, 3000]);
  assert.equal(cue("pain"), "told");
  assert.deepEqual(state.lines[0].cues, ["Pain"]);
  tell(["cue_unheard", { cue: "pain", reply: 1, turn: 1 }], ["reply_truncated", { reply: 1, heard: "It", played_ms: 100 }]);
  assert.equal(cue("pain"), "waiting");
  assert.deepEqual([state.lines[0].text, state.lines[0].interrupted, state.lines[0].cues], ["It", true, []]);
  tell(["session_ended", { reason: "ended" }]);
  assert.deepEqual(state.cues.map((one) => one.state), ["missed", "missed"]);
  assert.equal(state.over, true);
});

test("a cue that was proposed and not heard waits again", () => {
  const { state, tell } = followed();
  tell(["reply_proposed", { cues: ["worry"] }], ["reply_started", { reply: 1, turn: 1 }], ["reply_finished", { reply: 1, status: "interrupted", heard: "", played_ms: 0 }]);
  assert.equal(state.cues[1].state, "waiting");
  assert.deepEqual(state.lines, []);
});

test("what is told again changes nothing, and what comes late is caught up with", () => {
  const state = new Followed();
  const event = { seq: 3, media_ms: 10, event: "speech_started", payload: { turn: 1, at_ms: 1 } };
  state.receive(snapshot(5));
  assert.equal(state.caught_up, false);
  state.receive({ type: "interlocutor.desk.events", events: [event, event, { ...event, seq: 4 }] });
  assert.equal(state.lines.length, 1);
  assert.equal(state.caught_up, true);
});

test("the clock goes by the pauses since we came; those before are in the snapshot", () => {
  const pause = (seq, paused, left_ms) => ({ seq, media_ms: seq, event: "session_paused", payload: { paused, left_ms } });
  const message = (...events) => ({ type: "interlocutor.desk.events", events });
  const state = new Followed();
  state.receive(snapshot(5));
  assert.equal(state.pauseIn(message(pause(3, true, 9000), pause(4, false, 9000))), null);
  assert.deepEqual(state.pauseIn(message(pause(4, false, 9000), pause(5, true, 700), pause(6, false, 600))), { paused: false, left_ms: 600 });
  assert.equal(state.pauseIn(snapshot(5)), null);
});

test("noise leaves no line, marks stay, and unknown events harm nobody", () => {
  const { state, tell } = followed();
  tell(["speech_started", { turn: 2, at_ms: 1 }], ["turn_ignored", { turn: 2, reason: "noise", text: "" }], ["of_a_later_version", { x: 1 }]);
  tell(["distress_noticed", { turn: 3, kind: "abuse", text: "he hits me" }, 5000], ["problem_reported", { kind: "sound", text: "<b>" }], ["sound_advice", { kind: "faint" }]);
  tell(["incident_raised", { what: "fire alarm", by: "Eva", reason: "all left" }]);
  assert.deepEqual(state.lines, []);
  assert.deepEqual(state.marks.map(({ kind, what, text }) => [kind, what, text]), [
    ["distress", "abuse", "he hits me"],
    ["problem", "sound", "<b>"],
    ["sound", "faint", ""],
    ["incident", "fire alarm", "all left"],
  ]);
});

test("figures so far come from the turns", () => {
  assert.deepEqual(runningMeasures({ turns: [], questions: 0 }), { turns: 0, share: null, words_per_min: null, answer_ms: null, longest_ms: null, questions: 0 });
  const turns = [
    { role: "candidate", from_ms: 0, to_ms: 6000, words: 12 },
    { role: "patient", from_ms: 7000, to_ms: 9000, words: 5 },
    { role: "candidate", from_ms: 9500, to_ms: 15500, words: 18 },
  ];
  assert.deepEqual(runningMeasures({ turns, questions: 2 }), { turns: 2, share: 12 / 14, words_per_min: 150, answer_ms: 500, longest_ms: 6000, questions: 2 });
});

test("the server's figures so far are kept, and each figure has its words", () => {
  const { state } = followed();
  const fillers = { id: "fillers", value: 3.46, unit: "per 100 words", unmeasured: "", definition: "Um.", limits: "Few." };
  assert.equal(state.receive({ type: "interlocutor.desk.measures", measures: [fillers] }), true);
  assert.deepEqual(state.measures, [fillers]);
  assert.equal(measureText(fillers), "3.5 per 100 words");
  assert.equal(measureText({ ...fillers, value: null, unmeasured: "too_little" }), "too little was said");
  assert.equal(measureText({ value: 0.246, unit: "share" }), "25 %");
  assert.deepEqual(Object.keys(words.follow.measure_how), Object.keys(words.follow.measure));
});

test("every act has its words", () => {
  assert.equal(intentOf({ act: "of_a_later_version", topic: null, subject: null }), "of a later version");
  for (const text of Object.values(words.follow.acts)) assert.match(text, /^[a-z]/);
});

// ------------------------------------------------------------------ the ear

const FRAME = (RATE_HZ * 20) / 1000;
const piece = (value, ms = 60) => Int16Array.from({ length: (2 * RATE_HZ * ms) / 1000 }, (_, i) => (i % 2 === 0 ? value : -value / 2));

test("sound plays once there is a little in hand, and both voices or one", () => {
  const queue = new EarQueue();
  const out = new Float32Array(FRAME);
  queue.push(0, piece(8000));
  assert.equal(queue.render(out), false);
  queue.push(60, piece(8000));
  assert.equal(queue.render(out), true);
  assert.ok(Math.abs(out[0] - 4000 / 32768) < 1e-6);
  queue.hear(1, false);
  queue.render(out);
  assert.ok(Math.abs(out[0] - 8000 / 32768) < 1e-6);
  assert.equal(Math.round(queue.at_ms), 40);
});

test("what is late is skipped when live, and kept when somebody went back", () => {
  const live = new EarQueue();
  for (let i = 0; i < 20; i += 1) live.push(60 * i, piece(1));
  assert.ok(live.in_hand_ms <= 350);
  const back = new EarQueue();
  back.live = false;
  for (let i = 0; i < 500; i += 1) back.push(60 * i, piece(1));
  assert.equal(Math.round(back.in_hand_ms), 30000);
  back.goLive();
  assert.ok(back.in_hand_ms <= 100);
  back.render(new Float32Array(FRAME));
  assert.ok(back.at_ms > 29800);
});

test("a gap is silence, and then a little is gathered again", () => {
  const queue = new EarQueue();
  queue.push(0, piece(8000, 100));
  const out = new Float32Array((RATE_HZ * 150) / 1000);
  assert.equal(queue.render(out), false);
  assert.equal(out.at(-1), 0);
  queue.push(100, piece(8000));
  assert.equal(queue.render(new Float32Array(FRAME)), false);
});

test("binary messages of both voices are read and others are not", () => {
  const bytes = new ArrayBuffer(16);
  const view = new DataView(bytes);
  view.setUint8(0, 3);
  view.setUint32(4, 61240, true);
  view.setInt16(8, -5, true);
  view.setInt16(10, 7, true);
  const read = readSound(bytes);
  assert.equal(read.at_ms, 61240);
  assert.deepEqual([...read.pairs], [-5, 7, 0, 0]);
  assert.equal(readSound(new ArrayBuffer(4)), null);
  assert.equal(readSound(new ArrayBuffer(10)), null);
  view.setUint8(0, 2);
  assert.equal(readSound(bytes), null);
});

// ------------------------------------------------------------------ notes

test("notes arrive in their order, and wait where the line is down", async () => {
  const sent = [];
  let up = false;
  const book = new NoteBook(async (note) => {
    if (!up) throw Object.assign(new Error("down"), { status: undefined });
    sent.push(note);
    return { ...note, own: true, author: "Eva", withdraws: note.withdraws ?? null };
  });
  book.write("note", 61000.4, "Good <b>opening</b> 😀");
  book.write("bookmark", 5000);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(book.unsent, 2);
  assert.deepEqual(book.notes.map(({ at_ms, unsent }) => [at_ms, unsent]), [
    [5000, true],
    [61000, true],
  ]);
  up = true;
  await book.flush();
  assert.equal(book.unsent, 0);
  assert.deepEqual(sent.map(({ kind, text }) => [kind, text]), [
    ["note", "Good <b>opening</b> 😀"],
    ["bookmark", ""],
  ]);
});

test("a book is one for each role-play, and sends what waits by itself, whoever looks", async () => {
  const sent = [];
  let up = false;
  const books = new NoteBooks(async (id, note) => {
    if (!up) throw new Error("down");
    sent.push([id, note.text]);
    return { ...note, own: true, withdraws: null };
  });
  const book = books.of("sess_1");
  assert.notEqual(books.of("sess_2"), book);
  book.write("note", 1, "kept");
  await new Promise((resolve) => setImmediate(resolve));
  up = true;
  await new Promise((resolve) => (book.onchange = resolve));
  assert.deepEqual(sent, [["sess_1", "kept"]]);
  assert.deepEqual([books.of("sess_1").unsent, books.of("sess_1").notes.length], [0, 1]);
});

test("what is on its way when the page is loaded again is sent by the next one", async () => {
  const kept = new Map();
  const store = {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => kept.set(key, value),
    removeItem: (key) => kept.delete(key),
  };
  const down = () => new Promise(() => {});
  new NoteBooks(down, store).of("sess_1").write("note", 1000, "begun before");
  const sent = [];
  const send = async (id, note) => {
    sent.push([id, note.text]);
    return { ...note, own: true, withdraws: null };
  };
  assert.equal(new NoteBooks(send, store).of("sess_2").notes.length, 0);
  const book = new NoteBooks(send, store).of("sess_1");
  assert.deepEqual(book.notes.map(({ text, unsent }) => [text, unsent]), [["begun before", true]]);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(sent, [["sess_1", "begun before"]]);
  assert.deepEqual([book.unsent, kept.size], [0, 0]);
  // Something else in the store, or no store at all, is nothing to show.
  kept.set("interlocutor.desk.unsent.sess_3", '{"a": 1}');
  assert.equal(new NoteBooks(send, store).of("sess_3").notes.length, 0);
  assert.equal(new NoteBooks(send, null).of("sess_3").write("note", 1, "x").text, "x");
});

test("a note that is refused is told of, and one that was taken back does not count", async () => {
  const refused = [];
  const book = new NoteBook(async (note) => {
    if (note.text === "bad") throw Object.assign(new Error("no"), { status: 400 });
    return { ...note, own: true, withdraws: note.withdraws ?? null };
  });
  book.onrefused = (note) => refused.push(note.text);
  book.write("note", 1, "bad");
  const good = book.write("note", 2, "good");
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(refused, ["bad"]);
  assert.deepEqual(book.notes.map(({ text }) => text), ["good"]);
  book.write("withdrawn", 2, "", good.id);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(book.notes, []);
});

test("ids are 32 hexadecimal digits", () => {
  assert.equal(noteId((bytes) => bytes.fill(0xa5)), "a5".repeat(16));
});

// ------------------------------------------------------------------ keys

test("keys do nothing in fields, with others, and once they are off", () => {
  const kept = new Map();
  const listeners = new Map();
  globalThis.document = { addEventListener: (name, run) => listeners.set(name, run), removeEventListener: () => {} };
  const storage = { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value) };
  let pressed = 0;
  const keys = new Keys({ b: () => (pressed += 1) }, storage);
  const press = (more = {}, inside = "") =>
    listeners.get("keydown")({ key: "B", target: { closest: (what) => inside !== "" && what.includes(inside) }, preventDefault: () => {}, ...more });
  press();
  assert.equal(pressed, 1);
  press({}, "textarea");
  press({ ctrlKey: true });
  press({ repeat: true });
  press({ key: "x" });
  assert.equal(pressed, 1);
  keys.on = false;
  press();
  assert.equal(pressed, 1);
  keys.on = true;
  press();
  assert.equal(pressed, 2);
  assert.equal(isTaken({ target: {}, isComposing: true }), true);
  delete globalThis.document;
});

test("where the browser keeps nothing, keys and the desk's key last as long as the page", () => {
  globalThis.document = { addEventListener: () => {}, removeEventListener: () => {} };
  const keys = new Keys({}, null);
  assert.equal(keys.on, true);
  keys.on = false;
  assert.equal(keys.on, false);
  delete globalThis.document;
  const api = new DeskApi(null);
  api.key = "secret";
  assert.equal(api.key, "secret");
  api.key = "";
  assert.equal(api.key, "");
});

// ------------------------------------------------------------------ marks

const CRITERIA = [
  { id: "fluency", kind: "linguistic", name: "Fluency", most: 6, indicators: [] },
  { id: "giving", kind: "clinical", name: "Information giving", most: 3, indicators: [{ id: "E1", text: "finds out" }] },
];
const marksTold = (own = {}) => ({
  criteria: CRITERIA,
  own: { number: 0, state: null, signed: false, sheet: { marks: {}, comment: "" }, ...own },
  outcome: { state: "waiting", sheets: [], differs: [], decided: {} },
});

test("a sheet is filled in, says what it lacks, and goes out with its number", () => {
  const sheet = new MarkSheet();
  sheet.take(marksTold());
  assert.deepEqual(sheet.lacks, ["Fluency", "Information giving"]);
  sheet.set("fluency", { mark: 0 });
  sheet.set("giving", { mark: 3, indicators: ["E1"] });
  assert.deepEqual(sheet.lacks, []);
  assert.ok(sheet.addEvidence("fluency", { from_ms: 5000, to_ms: 7000, text: "So" }));
  assert.ok(sheet.addEvidence("fluency", { from_ms: 1000, to_ms: 2000, text: "" }));
  assert.equal(sheet.addEvidence("fluency", { from_ms: 1000, to_ms: 2000, text: "" }), false);
  const body = sheet.body("signed");
  assert.deepEqual([body.after, body.state, body.sheet.marks.fluency.evidence.map(({ from_ms }) => from_ms)], [0, "signed", [1000, 5000]]);
  sheet.removeEvidence("fluency", 0);
  assert.deepEqual(sheet.marks.fluency.evidence.map(({ from_ms }) => from_ms), [5000]);
});

test("what is changed while a draft is saved is not lost", () => {
  const sheet = new MarkSheet();
  sheet.take(marksTold());
  sheet.set("fluency", { mark: 4 });
  sheet.take(marksTold({ number: 1, state: "draft", sheet: { marks: { fluency: { mark: 3 } }, comment: "old" } }));
  assert.deepEqual([sheet.number, sheet.marks.fluency.mark], [1, 4]);
  sheet.changed = false;
  sheet.take(marksTold({ number: 2, state: "signed", signed: true, sheet: { marks: { fluency: { mark: 5 } }, comment: "new" } }));
  assert.deepEqual([sheet.marks.fluency.mark, sheet.marks.fluency.evidence, sheet.comment, sheet.signed], [5, [], "new", true]);
});

test("a stretch is picked from both ends, by two moments, and by its words", () => {
  const turns = [
    { role: "candidate", from_ms: 1000, to_ms: 3000, words: [["Good", 1000, 1500, 0.9], ["morning", 1500, 3000, 0.9]] },
    { role: "patient", from_ms: 3500, to_ms: 5000, words: [["Hello", 3500, 5000, null]] },
  ];
  const picked = new PickedStretch(turns);
  let told = 0;
  picked.onchange = () => (told += 1);
  picked.begin(1600.4);
  assert.deepEqual([picked.from_ms, picked.stretch], [1600, null]);
  picked.end(4000);
  assert.deepEqual(picked.stretch, { from_ms: 1600, to_ms: 4000, text: "morning Hello" });
  // What can't be is not: the other end goes.
  picked.begin(4500);
  assert.deepEqual([picked.from_ms, picked.to_ms], [4500, null]);
  picked.end(100);
  assert.deepEqual([picked.from_ms, picked.to_ms], [null, 100]);
  picked.between(2000, -5);
  assert.deepEqual(picked.stretch, { from_ms: 0, to_ms: 2000, text: "Good morning" });
  picked.between(70, 70);
  assert.deepEqual([picked.whole, picked.stretch, told], [false, null, 6]);
  assert.equal(wordsBetween([{ words: [["x".repeat(600), 0, 1]] }], 0, 1).length, 500);
});

test("words that are marked on the page are a stretch", () => {
  const places = [["a", 0, 400], ["b", 400, 900], ["c", 900, 1000]];
  const over = (...on) => ({ isCollapsed: false, rangeCount: 1, getRangeAt: () => ({ intersectsNode: (span) => on.includes(span) }) });
  const spans = ["one", "two", "three"];
  assert.deepEqual(markedWords(spans, places, over("two", "three")), { from_ms: 400, to_ms: 1000 });
  assert.equal(markedWords(spans, places, over("elsewhere")), null);
  assert.equal(markedWords(spans, places, { isCollapsed: true }), null);
  assert.equal(markedWords(spans, places, null), null);
});

test("what is void, deleted, open or empty can't be marked, and what has gaps can", () => {
  const said = { status: "ended", turns: [{}], recording: { state: "ready" }, standing: { erased: false, void: null, gaps: [] } };
  const state = (more, standing = {}) => recordState({ ...said, ...more, standing: { ...said.standing, ...standing } });
  assert.deepEqual(state({}), { mark: true, tell: [] });
  assert.deepEqual(state({}, { gaps: ["broke_off", "sound"] }), { mark: true, tell: [["gap", "broke_off"], ["gap", "sound"]] });
  assert.deepEqual(state({}, { void: "", gaps: ["no_end"] }), { mark: false, tell: [["void", ""], ["gap", "no_end"]] });
  assert.deepEqual(state({ turns: [] }, { erased: true, void: "fire" }), { mark: false, tell: [["erased", null]] });
  assert.deepEqual(state({ recording: { state: "deleted" } }).tell, [["erased", null]]);
  assert.deepEqual(recordState({ status: "running" }), { mark: false, tell: [["running", null]] });
  assert.deepEqual(state({ turns: [], recording: { state: "none" } }), { mark: false, tell: [["empty", null]] });
  // Silence that was recorded is marked.
  assert.equal(state({ turns: [] }).mark, true);
  for (const gap of ["broke_off", "no_end", "restarted", "sound"]) assert.match(words.past.gaps[gap], /\.$/);
});

test("evidence is the turn that is heard, or the seconds before", () => {
  const turns = [{ from_ms: 1000.4, to_ms: 4000, text: "x".repeat(600), words: [["x", 1000, 4000, null]] }];
  assert.deepEqual([stretchAt(turns, 2000).from_ms, stretchAt(turns, 2000).text.length], [1000, 500]);
  assert.deepEqual(stretchAt(turns, 9000), { from_ms: 4000, to_ms: 9000, text: "" });
  assert.deepEqual(stretchAt(turns, 100), { from_ms: 0, to_ms: 100, text: "" });
});

test("a coefficient is shown with its interval, or with the reason why there is none", () => {
  const none = { kappa: null, kappa_low: null, kappa_high: null, role_plays: 4 };
  assert.equal(kappaText({ ...none, kappa_none: "too_few" }, 30), "too few: 4 of 30");
  assert.equal(kappaText({ ...none, kappa_none: "not_made" }, 30), "not made");
  assert.equal(kappaText({ ...none, kappa_none: "all_equal" }, 30), "all marks were the same");
  assert.equal(kappaText({ kappa: 0.613, kappa_low: 0.4, kappa_high: 0.82, kappa_none: "" }, 30), "0.61 (0.40 to 0.82)");
  assert.equal(kappaText({ kappa: -0.1, kappa_low: null, kappa_high: null, kappa_none: "" }, 30), "\u22120.10");
  assert.equal(severityText({ severity: 0.25, severity_low: -0.1, severity_high: 0.6 }), "+0.25 (\u22120.10 to +0.60)");
});

test("an ear that is closed while it loads has not failed; one that can't load has", async () => {
  let fail = null;
  globalThis.AudioContext = class {
    audioWorklet = { addModule: () => new Promise((_resolve, reject) => (fail = () => reject(new Error("not loaded")))) };
    close() {
      fail();
    }
  };
  try {
    const closed = new Ear();
    const opening = closed.open(false);
    closed.close();
    await opening;
    const failing = new Ear().open(false);
    fail();
    await assert.rejects(failing, /not loaded/);
  } finally {
    delete globalThis.AudioContext;
  }
});
