import assert from "node:assert/strict";
import { test } from "node:test";

import { itemOf, jitterBuffer } from "../../static/core/rtc.js";

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
  assert.deepEqual(jitterBuffer(stats), { buffer_ms: 50, lost: 3, round_trip_ms: 12 });
});

test("statistics that say nothing yet are no numbers", () => {
  assert.deepEqual(jitterBuffer([]), { buffer_ms: null, lost: null, round_trip_ms: null });
});
