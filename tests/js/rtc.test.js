import assert from "node:assert/strict";
import { test } from "node:test";

import { CallWatch, itemOf } from "../../static/core/rtc.js";

test("a response's item is the patient's of the same number", () => {
  assert.equal(itemOf("resp_12"), "item_p12");
});

test("statistics become how long sound waits, what was lost and the round trip", () => {
  const stats = [
    { type: "codec" },
    { type: "inbound-rtp", kind: "audio", jitterBufferDelay: 480, jitterBufferEmittedCount: 9600, packetsLost: 3 },
    { type: "candidate-pair", nominated: false, state: "succeeded", currentRoundTripTime: 9 },
    { type: "candidate-pair", nominated: true, state: "succeeded", currentRoundTripTime: 0.0124 },
  ];
  const watch = new CallWatch();
  assert.deepEqual(watch.add(stats), { buffer_ms: 50, lost: 3, round_trip_ms: 12 });
  assert.equal(watch.add(stats).buffer_ms, null); // nothing was heard since
  Object.assign(stats[1], { jitterBufferDelay: 480 + 96, jitterBufferEmittedCount: 9600 + 960 });
  assert.equal(watch.add(stats).buffer_ms, 100); // what it is now, and not ever since the beginning
});

test("statistics that say nothing yet are no numbers", () => {
  assert.deepEqual(new CallWatch().add([]), { buffer_ms: null, lost: null, round_trip_ms: null });
});
