import assert from "node:assert/strict";
import { test } from "node:test";

import { PlayoutQueue } from "../../static/core/playout_queue.js";

const HZ = 24000;
const ms = (duration_ms) => (HZ * duration_ms) / 1000;
const ones = (duration_ms) => new Float32Array(ms(duration_ms)).fill(1);

/** Render `duration_ms` in the audio thread's blocks; return {samples, reports}. */
function play(queue, duration_ms) {
  const samples = [];
  const reports = [];
  const block = new Float32Array(120); // 5 ms
  for (let t = 0; t < duration_ms; t += 5) {
    reports.push(...queue.render(block));
    samples.push(...block);
  }
  return { samples, reports };
}

const kinds = (reports) => reports.map(({ kind, item_id }) => `${kind} ${item_id}`);

test("an item is played whole, and its start, progress and end are told", () => {
  const queue = new PlayoutQueue(HZ);
  queue.enqueue("a", ones(100));
  queue.enqueue("a", ones(150));
  queue.complete("a");
  const { samples, reports } = play(queue, 300);
  assert.equal(samples.filter((s) => s === 1).length, ms(250));
  assert.deepEqual(kinds(reports), ["started a", "progress a", "progress a", "ended a"]);
  assert.deepEqual(reports.map((r) => r.played_ms), [0, 100, 200, 250]);
});

test("a little sound waits for more, unless it is all there is", () => {
  const queue = new PlayoutQueue(HZ);
  queue.enqueue("a", ones(20));
  assert.deepEqual(play(queue, 50).reports, []);
  queue.complete("a");
  const { reports } = play(queue, 50);
  assert.deepEqual(kinds(reports), ["started a", "ended a"]);
  assert.equal(reports[1].played_ms, 20);
});

test("gaps in delivery are silence and are not counted as heard", () => {
  const queue = new PlayoutQueue(HZ);
  queue.enqueue("a", ones(60));
  play(queue, 500);
  queue.enqueue("a", ones(60));
  queue.complete("a");
  const { reports } = play(queue, 200);
  assert.deepEqual(kinds(reports), ["progress a", "ended a"]);
  assert.equal(reports.at(-1).played_ms, 120);
});

test("the next item follows without a gap, even if the end was not told", () => {
  const queue = new PlayoutQueue(HZ);
  queue.enqueue("a", ones(50));
  queue.enqueue("b", ones(50));
  queue.complete("b");
  const { samples, reports } = play(queue, 100);
  assert.ok(samples.every((s) => s === 1));
  assert.deepEqual(kinds(play(queue, 10).reports), ["ended b"]);
  assert.deepEqual(kinds(reports), ["started a", "ended a", "started b"]);
});

test("clearing fades within 10 ms, tells what was heard, and keeps late chunks silent", () => {
  const queue = new PlayoutQueue(HZ);
  queue.enqueue("a", ones(500));
  play(queue, 200);
  assert.deepEqual(queue.clear("a"), []);
  const { samples, reports } = play(queue, 100);
  assert.deepEqual(reports, [{ kind: "cleared", item_id: "a", played_ms: 210 }]);
  const fading = samples.slice(0, ms(10));
  assert.equal(fading[0], 1);
  assert.ok(fading.every((s, i) => s > 0 && (i === 0 || s < fading[i - 1])));
  assert.ok(samples.slice(ms(10)).every((s) => s === 0));
  queue.enqueue("a", ones(100));
  const late = play(queue, 100);
  assert.ok(late.samples.every((s) => s === 0));
  assert.deepEqual(late.reports, []);
});

test("clearing one item leaves the next", () => {
  const queue = new PlayoutQueue(HZ);
  queue.enqueue("a", ones(100));
  queue.enqueue("b", ones(100));
  queue.complete("b");
  assert.deepEqual(kinds(queue.clear("b")), ["cleared b"]);
  queue.complete("a");
  assert.deepEqual(kinds(play(queue, 300).reports), ["started a", "progress a", "ended a"]);
});

test("an item that waits for more sound is cleared at once", () => {
  const queue = new PlayoutQueue(HZ);
  queue.enqueue("a", ones(60));
  play(queue, 100);
  assert.deepEqual(queue.clear("a"), [{ kind: "cleared", item_id: "a", played_ms: 60 }]);
  assert.deepEqual(queue.clear("a"), []);
});

test("a fade is no longer than what is left of the item", () => {
  const queue = new PlayoutQueue(HZ);
  queue.enqueue("a", ones(104));
  queue.complete("a");
  play(queue, 100);
  queue.clear("a");
  assert.deepEqual(play(queue, 20).reports, [{ kind: "cleared", item_id: "a", played_ms: 104 }]);
});

test("with nothing queued there is silence", () => {
  const { samples, reports } = play(new PlayoutQueue(HZ), 50);
  assert.ok(samples.every((s) => s === 0));
  assert.deepEqual(reports, []);
});
