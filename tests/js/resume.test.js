import assert from "node:assert/strict";
import { test } from "node:test";

import { packSound, replyOf, unpackSound } from "../../static/core/binary.js";
import { mayComeBack, numberOf, pauseBefore, ticketOf } from "../../static/core/coming_back.js";
import { Past } from "../../static/core/past.js";
import { PlayoutQueue } from "../../static/core/playout_queue.js";
import { SoundMemory } from "../../static/core/sound_memory.js";
import { Visit } from "../../static/core/visit.js";

const frame = (value, length = 480) => new Int16Array(length).fill(value);

test("sound goes out with what was played and how late it is", () => {
  const message = packSound(Int16Array.of(1, -2), { item_id: "item_p3", played_ms: 1240.4 }, 80);
  assert.deepEqual([...new Uint8Array(message)], [1, 1, 3, 0, 0xd8, 4, 0, 0, 80, 0, 0, 0, 1, 0, 0xfe, 0xff]);
  assert.deepEqual([...new Uint8Array(packSound(Int16Array.of(), null))], new Array(12).fill(0).with(0, 1));
});

test("the patient's sound comes in with its item and place", () => {
  const message = Uint8Array.of(2, 0, 7, 0, 0xe0, 1, 0, 0, 0, 0, 0, 0, 5, 0).buffer;
  const event = unpackSound(message);
  assert.equal(event.item_id, "item_p7");
  assert.equal(event.place, 480);
  assert.deepEqual([...event.bytes], [5, 0]);
  assert.equal(unpackSound(new ArrayBuffer(4)), null);
  assert.equal(unpackSound(packSound(frame(1))), null);
  assert.equal(replyOf("item_c1"), 0);
});

test("what was not received is sent again, and what was given up is not looked for", () => {
  const memory = new SoundMemory();
  for (let i = 0; i < 100; i += 1) memory.add(frame(i), 20 * (i + 1));
  const pieces = memory.since(1230);
  assert.equal(pieces.reduce((sum, { pcm }) => sum + pcm.length, 0), 24 * 770);
  assert.equal(pieces[0].at_ms, 1230);
  assert.equal(pieces[0].pcm[0], 61);
  assert.equal(pieces[0].pcm[240], 62);
  memory.skip(480);
  assert.equal(memory.since(1960)[0].at_ms, 1980);
  assert.deepEqual(memory.since(1980), []);
});

test("ten seconds are kept, and places still fit afterwards", () => {
  const memory = new SoundMemory();
  for (let i = 0; i < 1000; i += 1) memory.add(frame(1), 20 * (i + 1));
  assert.equal(memory.since(0)[0].at_ms, 10000);
  memory.add(frame(2), 20020);
  const [last] = memory.since(10000); // all that was kept came
  assert.equal(last.pcm[0], 2);
});

test("a lost connection is come back to, one that was closed for a reason is not", () => {
  for (const code of [1001, 1005, 1006, 4429]) assert.ok(mayComeBack(code), code);
  for (const code of [1000, 1008, 1011, 4401, 4404, 4409, 4440]) assert.ok(!mayComeBack(code), code);
  assert.deepEqual([0, 1, 2, 3, 4, 9].map((n) => pauseBefore(n)), [0, 250, 500, 1000, 2000, 2000]);
  assert.equal(pauseBefore(0, 4429), 2000);
});

test("a ticket says what was seen and played", () => {
  assert.equal(ticketOf("abc", 7), "interlocutor-resume.abc.7");
  assert.equal(ticketOf("abc", 7, { item_id: "item_p2", played_ms: 640.4 }), "interlocutor-resume.abc.7.2.640");
  assert.equal(numberOf("event_000042"), 42);
  assert.equal(numberOf(""), 0);
});

test("an item begins anew where it is told to", () => {
  const queue = new PlayoutQueue(1000);
  const output = new Float32Array(100);
  queue.enqueue("a", new Float32Array(300).fill(0.5));
  queue.render(output);
  queue.restart("a", 60);
  queue.render(output);
  assert.ok(output.slice(20).every((sample) => sample === 0), "nothing of what there was is heard");
  queue.enqueue("a", new Float32Array(100).fill(0.25));
  queue.complete("a");
  queue.render(output);
  assert.equal(output.at(-1), 0.25);
  const reports = queue.render(output);
  assert.deepEqual(reports.at(-1), { kind: "ended", item_id: "a", played_ms: 160 });
});

class Store {
  kept = new Map();
  getItem(key) {
    return this.kept.get(key) ?? null;
  }
  setItem(key, text) {
    this.kept.set(key, text);
  }
  removeItem(key) {
    this.kept.delete(key);
  }
}

const SESSION = { id: "sess_1", token: "ek_1", url: "/v1/realtime", card: { title: "A card" }, prepare_s: 180, session_s: 300 };

test("a visit is kept with its notes and times until it is forgotten", () => {
  const store = new Store();
  const visit = new Visit(store, SESSION, "exam", "before");
  assert.equal(Visit.kept(store), null); // nothing is kept unasked
  visit.notes.text = "not yet";
  assert.equal(store.kept.size, 0);
  visit.keep();
  visit.notes.text = "tablets";
  let back = Visit.kept(store);
  assert.deepEqual([back.mode, back.notes.text, back.resume, back.session], ["exam", "tablets", null, SESSION]);
  assert.ok(Math.abs(back.countdown.left_ms - 180000) < 1000);
  assert.equal(back.left_ms, 300000);
  visit.resume = { token: "abc", within_s: 60 };
  visit.hasLeft(120000);
  visit.keep();
  back = Visit.kept(store);
  assert.deepEqual(back.resume, visit.resume);
  assert.ok(Math.abs(back.left_ms - 120000) < 1000);
  visit.hasLeft(90000, { stopped: true });
  visit.keep();
  back = Visit.kept(store);
  assert.equal(back.left_ms, 90000);
  assert.equal(back.talking.stopped_ms, 90000);
  visit.forget();
  visit.notes.text = "later";
  assert.equal(store.kept.size, 0);
});

test("time runs on for a page that is away, and what is not whole is not taken", () => {
  const store = new Store();
  const visit = new Visit(store, SESSION, "practice");
  visit.resume = { token: "abc", within_s: 60 };
  visit.hasLeft(60000);
  visit.keep();
  const [[key, text]] = store.kept;
  const kept = JSON.parse(text);
  store.setItem(key, JSON.stringify({ ...kept, left_at_ms: kept.left_at_ms - 20000 }));
  assert.ok(Math.abs(Visit.kept(store).left_ms - 40000) < 1000);
  for (const broken of ["", "[]", "null", "{", JSON.stringify({ ...kept, session: { id: 1 } }), JSON.stringify({ ...kept, resume: {} })]) {
    store.setItem(key, broken);
    assert.equal(Visit.kept(store), null, broken);
  }
  assert.equal(Visit.kept(null), null);
  new Visit(null, SESSION, "practice").keep(); // nothing to keep it in
});

test("what happened before a page was loaded is told from what happens now, and how much is left", () => {
  const past = new Past({ event_id: "event_000010", elapsed_ms: 2000 }, 500);
  assert.ok(past.has({ type: "interlocutor.session.started", event_id: "event_000003", session_s: 300 }));
  assert.ok(past.started);
  assert.equal(past.leftMs(1500), 297000);
  assert.ok(past.has({ type: "interlocutor.session.paused", event_id: "event_000009", paused: true }));
  assert.equal(past.leftMs(1500), 298000);
  assert.ok(!past.has({ type: "interlocutor.session.paused", event_id: "event_000011", paused: false }));
  assert.ok(!past.has({ type: "interlocutor.pulse", event_id: "" }));
  assert.ok(!past.has({ type: "response.output_audio.delta" }));
  assert.ok(!new Past({ event_id: "event_000004", elapsed_ms: null }, 0).started);
});

test("a memory that begins in the midst of a session counts from there", () => {
  const memory = new SoundMemory();
  memory.begin(1000);
  for (let i = 0; i < 50; i += 1) memory.add(frame(i), 20 * (i + 1));
  assert.equal(memory.since(1900).reduce((sum, { pcm }) => sum + pcm.length, 0), 24 * 100);
});
