import assert from "node:assert/strict";
import { test } from "node:test";

import { packSound, replyOf, unpackSound } from "../../static/core/binary.js";
import { mayComeBack, numberOf, pauseBefore, ticketOf } from "../../static/core/coming_back.js";
import { PlayoutQueue } from "../../static/core/playout_queue.js";
import { SoundMemory } from "../../static/core/sound_memory.js";

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
