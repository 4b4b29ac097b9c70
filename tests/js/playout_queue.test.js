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
  assert.deepEqual(kinds(play(queue, 500).reports), ["started a", "drained a"]);
  queue.enqueue("a", ones(60));
  queue.complete("a");
  const { reports } = play(queue, 200);
  assert.deepEqual(kinds(reports), ["ended a"]);
  assert.equal(reports.at(-1).played_ms, 120);
});

test("what has been played to its last sample is told before the end is known", () => {
  const queue = new PlayoutQueue(HZ);
  queue.enqueue("a", ones(250));
  const { reports } = play(queue, 400);
  assert.deepEqual(kinds(reports), ["started a", "progress a", "progress a", "drained a"]);
  assert.equal(reports.at(-1).played_ms, 250);
  queue.complete("a");
  assert.deepEqual(kinds(play(queue, 100).reports), ["ended a"]);
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

test("clearing tells what was heard, fades within 10 ms, and keeps late chunks silent", () => {
  const queue = new PlayoutQueue(HZ);
  queue.enqueue("a", ones(500));
  play(queue, 200);
  assert.deepEqual(queue.clear("a"), [{ kind: "cleared", item_id: "a", played_ms: 200 }]);
  const { samples, reports } = play(queue, 100);
  assert.deepEqual(reports, []);
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
  assert.deepEqual(queue.clear("a"), [{ kind: "cleared", item_id: "a", played_ms: 100 }]);
  assert.equal(play(queue, 20).samples.filter((s) => s > 0).length, ms(4));
});

test("with nothing queued there is silence", () => {
  const { samples, reports } = play(new PlayoutQueue(HZ), 50);
  assert.ok(samples.every((s) => s === 0));
  assert.deepEqual(reports, []);
});

/** Sound of which each sample tells its place. */
const ramp = (duration_ms, from_ms = 0) => Float32Array.from({ length: ms(duration_ms) }, (_, i) => ms(from_ms) + i + 1);

/** A queue that has played 1,000 of 3,000 ms, sent as the server does. */
function playing() {
  const queue = new PlayoutQueue(HZ);
  for (let from_ms = 0; from_ms < 3000; from_ms += 40) queue.enqueue("a", ramp(40, from_ms));
  queue.complete("a");
  play(queue, 1000);
  return queue;
}

test("a hold tells the place at once, fades within 10 ms, and then there is silence", () => {
  const queue = playing();
  assert.deepEqual(queue.hold("a"), [{ kind: "held", item_id: "a", played_ms: 1000 }]);
  const { samples, reports } = play(queue, 5000);
  assert.deepEqual(reports, []);
  assert.equal(samples[0], ms(1000) + 1);
  assert.ok(samples.slice(1, ms(10)).every((s, i) => s > 0 && s < samples[i]));
  assert.ok(samples.slice(ms(10)).every((s) => s === 0));
  assert.deepEqual(queue.hold("a"), [{ kind: "held", item_id: "a", played_ms: 1000 }]); // told again, nothing changes
  assert.ok(play(queue, 100).samples.every((s) => s === 0));
});

test("a resume fades in within 10 ms and leaves out no sample", () => {
  const queue = playing();
  queue.hold("a");
  play(queue, 300);
  assert.deepEqual(queue.resume("a", 1000), [{ kind: "resumed", item_id: "a", played_ms: 1000 }]);
  const { samples, reports } = play(queue, 2100);
  const rising = samples.slice(0, ms(10));
  assert.equal(rising[0], 0);
  assert.ok(rising.every((s, i) => s < ms(1000) + 1 + i && (i === 0 || s > rising[i - 1])));
  assert.ok(samples.slice(ms(10), ms(2000)).every((s, i) => s === ms(1010) + i + 1));
  assert.deepEqual(reports.at(0), { kind: "progress", item_id: "a", played_ms: 1100 });
  assert.deepEqual(reports.at(-1), { kind: "ended", item_id: "a", played_ms: 3000 });
});

test("a resume goes back to the beginning of a word", () => {
  const queue = playing();
  queue.hold("a");
  play(queue, 300);
  assert.deepEqual(queue.resume("a", 733), [{ kind: "resumed", item_id: "a", played_ms: 733 }]);
  const { samples, reports } = play(queue, 2500);
  assert.ok(samples.slice(ms(10), ms(2267)).every((s, i) => s === ms(743) + i + 1));
  assert.deepEqual(reports.at(0), { kind: "progress", item_id: "a", played_ms: 833 });
  assert.equal(reports.at(-1).played_ms, 3000);
});

test("a resume reaches back 1.5 s and never forward", () => {
  const queue = new PlayoutQueue(HZ);
  for (let from_ms = 0; from_ms < 9000; from_ms += 40) queue.enqueue("a", ramp(40, from_ms));
  play(queue, 5000);
  queue.hold("a");
  assert.equal(queue.resume("a", 9000)[0].played_ms, 5000);
  queue.hold("a");
  assert.equal(queue.resume("a", 3500)[0].played_ms, 3500);
  queue.hold("a");
  const [{ played_ms }] = queue.resume("a", 0);
  assert.ok(played_ms > 0 && played_ms <= 3000);
  const { samples } = play(queue, 100);
  assert.ok(samples.slice(ms(10)).every((s, i) => s === ms(played_ms + 10) + i + 1));
  assert.ok(queue.items[0].chunks.length < 225); // what is older is let go
});

test("sound that comes during a hold waits its turn", () => {
  const queue = new PlayoutQueue(HZ);
  queue.enqueue("a", ramp(100));
  play(queue, 60);
  queue.hold("a");
  queue.enqueue("a", ramp(100, 100));
  queue.enqueue("b", ones(100));
  queue.complete("b");
  assert.deepEqual(play(queue, 500).reports, []);
  queue.resume("a", 60);
  assert.deepEqual(kinds(play(queue, 500).reports), ["progress a", "ended a", "started b", "progress b", "ended b"]);
});

test("a held item can be cleared: it was silent and stays so", () => {
  const queue = playing();
  queue.hold("a");
  play(queue, 100);
  assert.deepEqual(queue.clear("a"), [{ kind: "cleared", item_id: "a", played_ms: 1000 }]);
  assert.deepEqual(queue.resume("a", 900), []);
  assert.ok(play(queue, 100).samples.every((s) => s === 0));
});

test("an item that waits for more sound can be held and goes on", () => {
  const queue = new PlayoutQueue(HZ);
  queue.enqueue("a", ramp(60));
  play(queue, 100);
  assert.deepEqual(queue.hold("a"), [{ kind: "held", item_id: "a", played_ms: 60 }]);
  queue.enqueue("a", ramp(60, 60));
  queue.complete("a");
  assert.ok(play(queue, 100).samples.every((s) => s === 0));
  queue.resume("a", 60);
  assert.deepEqual(kinds(play(queue, 100).reports), ["ended a"]);
});

test("a hold, resume or clear for an item that is unknown does nothing", () => {
  const queue = playing();
  assert.deepEqual([queue.hold("x"), queue.resume("x", 0), queue.resume("a", 0), queue.clear("x")], [[], [], [], []]);
  assert.equal(play(queue, 10).samples[0], ms(1000) + 1);
});
