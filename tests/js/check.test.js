import assert from "node:assert/strict";
import { test } from "node:test";

import { FRAME_MS } from "../../static/core/frame_cutter.js";
import { judgeNetwork, NetworkWatch } from "../../static/core/network.js";
import { chime, floatToInt16, WIRE_HZ } from "../../static/core/pcm.js";
import { PushToTalk } from "../../static/core/push_to_talk.js";
import { hearsChime, judgeRoom, levelBelow } from "../../static/core/room.js";
import { strings } from "../../static/strings.js";

const FRAME = (WIRE_HZ * FRAME_MS) / 1000;

/** A second of what a microphone takes, cut into frames: the sum of sounds at their strengths. */
function taken(...parts) {
  const mixed = new Float32Array(WIRE_HZ);
  for (const [sound, strength, at = 0] of parts) sound.forEach((value, i) => (mixed[at + i] += strength * value));
  return Array.from({ length: 50 }, (_, i) => floatToInt16(mixed.subarray(i * FRAME, (i + 1) * FRAME)));
}

/** A voice, as far as this matters: a pitch that glides, its overtones, and breath. */
function voice(seconds = 0.9) {
  let seed = 7;
  const noise = () => (seed = (seed * 16807) % 2147483647) / 2147483647 - 0.5;
  let phase = 0;
  return Float32Array.from({ length: seconds * WIRE_HZ }, (_, i) => {
    phase += (2 * Math.PI * (120 + 40 * Math.sin((6 * i) / WIRE_HZ))) / WIRE_HZ;
    return [1, 2, 3, 4, 5].reduce((sum, k) => sum + Math.sin(k * phase) / k, 0) / 5 + 0.05 * noise();
  });
}

test("the loudspeaker is told from a voice and from silence", () => {
  const tones = chime(WIRE_HZ);
  assert.equal(hearsChime(taken([tones, 0.3, 2400]), WIRE_HZ), true);
  assert.equal(hearsChime(taken([tones, 0.05, 4800]), WIRE_HZ), true); // faintly
  assert.equal(hearsChime(taken([voice(), 0.3]), WIRE_HZ), false);
  assert.equal(hearsChime(taken(), WIRE_HZ), false);
  assert.equal(hearsChime([], WIRE_HZ), false);
});

test("a room is judged by what is left when nobody speaks", () => {
  const levels = (room, voice_dbfs) => [...Array(70).fill(room), ...Array(80).fill(voice_dbfs)];
  assert.equal(judgeRoom(levels(-65, -25)), "quiet_room");
  assert.equal(judgeRoom(levels(-40, -20)), "noisy");
  assert.equal(judgeRoom(levels(-50, -40)), "noisy"); // the voice hardly stands out
  assert.equal(judgeRoom(levels(-70, -60)), "no_speech");
  assert.equal(judgeRoom(levels(-100, -100)), "no_speech");
  assert.equal(levelBelow([-10, -30, -20], 0.5), -20);
});

test("a connection is judged by how long, how steady, and whether answers came", () => {
  const quality = (...times_ms) => judgeNetwork(times_ms).quality;
  assert.equal(quality(20, 25, 22, 30), "good");
  assert.equal(quality(140, 130, 135), "good"); // far away, but steady
  assert.equal(quality(20, 25, 22, 200), "fair");
  assert.equal(quality(20, 25, 22, 900), "poor");
  assert.equal(quality(500, 510, 520), "poor");
  assert.equal(quality(20, null, 22), "poor");
  assert.equal(quality(null, null), "none");
  for (const name of ["good", "fair", "poor", "none"]) {
    assert.ok(strings.check.network[name](12).length > 10);
    assert.ok(strings.talk.quality[name]);
  }
});

test("a connection that gets better is called so once the bad ones are old", () => {
  const watch = new NetworkWatch(3);
  assert.equal(watch.add(null).quality, "none");
  assert.equal(watch.add(20).quality, "poor");
  watch.add(20);
  assert.equal(watch.add(20).quality, "good");
});

test("the key is held to talk", () => {
  const key = new PushToTalk();
  assert.equal(key.down(1000), true);
  assert.equal(key.down(1030), true); // it repeats
  assert.equal(key.up(3000), false);
  assert.equal(key.up(3100), false);
});

test("pressed shortly, it stays down until it is pressed again", () => {
  const key = new PushToTalk();
  key.down(1000);
  assert.equal(key.up(1100), true);
  assert.equal(key.down(5000), false);
  assert.equal(key.up(5100), false);
  key.down(6000);
  key.up(6100);
  key.down(9000);
  assert.equal(key.up(12000), false); // also when the second press is a long one
});

test("a window that loses the key stops talking", () => {
  const key = new PushToTalk();
  key.down(1000);
  assert.equal(key.release(), false);
  assert.equal(key.up(1100), false);
});
