import assert from "node:assert/strict";
import { test } from "node:test";

import { FrameCutter } from "../../static/core/frame_cutter.js";
import { Follower, fullShare, meterPosition, MicrophoneVerdict } from "../../static/core/level.js";
import { bytesToFloat, chime, FLOOR_DBFS, floatToInt16, int16ToFloat, levelDbfs } from "../../static/core/pcm.js";
import { Resampler } from "../../static/core/resampler.js";

const sine = (hz, rate_hz, length, gain = 0.5) =>
  Float32Array.from({ length }, (_, i) => gain * Math.sin((2 * Math.PI * hz * i) / rate_hz));

test("floats become 16-bit samples, clipped, and NaN becomes silence", () => {
  assert.deepEqual([...floatToInt16(Float32Array.of(0, 1, -1, 2, -2, NaN, 0.5))], [0, 32767, -32767, 32767, -32767, 0, 16384]);
});

test("16-bit samples survive the way to floats and back within one step", () => {
  const pcm = Int16Array.of(-32767, -1234, 0, 1, 32767);
  const back = floatToInt16(int16ToFloat(pcm));
  pcm.forEach((sample, i) => assert.ok(Math.abs(sample - back[i]) <= 1));
});

test("bytes are read as little-endian samples, at any place, without a lone last byte", () => {
  const bytes = new Uint8Array([99, 0, 64, 0, 192, 7]).subarray(1);
  assert.deepEqual([...bytesToFloat(bytes)], [0.5, -0.5]);
});

test("levels are those of a sine, and silence has a floor", () => {
  assert.ok(Math.abs(levelDbfs(sine(1000, 24000, 2400, 1)) + 3.01) < 0.02);
  assert.equal(levelDbfs(new Float32Array(10)), FLOOR_DBFS);
  assert.equal(levelDbfs(new Float32Array(0)), FLOOR_DBFS);
});

test("the chime is short, soft, and begins and ends without a click", () => {
  const samples = chime(24000);
  assert.equal(samples.length, 16800);
  assert.ok(Math.max(...samples) <= 0.2);
  assert.ok(Math.abs(samples[0]) < 0.001 && Math.abs(samples.at(-1)) < 0.001);
});

test("frames are of one length whatever comes in, and nothing is lost", () => {
  const cutter = new FrameCutter(480);
  const input = sine(440, 24000, 1280);
  const frames = [];
  for (let start = 0; start < input.length; start += 128) frames.push(...cutter.push(input.subarray(start, start + 128)));
  assert.deepEqual(frames.map(({ pcm }) => pcm.length), [480, 480]);
  assert.deepEqual([...frames[0].pcm, ...frames[1].pcm], [...floatToInt16(input.subarray(0, 960))]);
});

test("a long block gives several frames at once", () => {
  assert.equal(new FrameCutter(480).push(new Float32Array(1500)).length, 3);
});

test("muted frames go on, as silence", () => {
  const cutter = new FrameCutter(480);
  cutter.muted = true;
  const [frame] = cutter.push(sine(440, 24000, 480));
  assert.ok(frame.pcm.every((sample) => sample === 0));
  assert.equal(frame.level_dbfs, FLOOR_DBFS);
  cutter.muted = false;
  assert.ok(cutter.push(sine(440, 24000, 480))[0].level_dbfs > -20);
});

for (const from_hz of [44100, 48000, 16000]) {
  test(`resampling from ${from_hz} Hz keeps a voice's tone and its length`, () => {
    const resampler = new Resampler(from_hz, 24000);
    const input = sine(1000, from_hz, from_hz);
    const output = [];
    for (let start = 0; start < input.length; start += 128) output.push(...resampler.push(input.subarray(start, start + 128)));
    assert.ok(Math.abs(output.length - 24000) < 40, `${output.length} samples`);
    const middle = output.slice(4000, 20000);
    assert.ok(Math.abs(levelDbfs(middle) - levelDbfs(input)) < 0.1);
    // What is left after taking the tone out at its best phase is the resampler's noise.
    let a = 0;
    let b = 0;
    middle.forEach((sample, i) => {
      a += (2 * sample * Math.sin((2 * Math.PI * i) / 24)) / middle.length;
      b += (2 * sample * Math.cos((2 * Math.PI * i) / 24)) / middle.length;
    });
    const rest = middle.map((s, i) => s - a * Math.sin((2 * Math.PI * i) / 24) - b * Math.cos((2 * Math.PI * i) / 24));
    assert.ok(levelDbfs(rest) < -55, `${levelDbfs(rest)} dB`);
  });
}

test("resampling takes out what the lower rate cannot hold", () => {
  const output = new Resampler(48000, 24000).push(sine(15000, 48000, 48000));
  assert.ok(levelDbfs(output.slice(2000, 22000)) < -50);
});

test("the meter rests in a quiet room and is full at a loud voice", () => {
  assert.equal(meterPosition(-100), 0);
  assert.equal(meterPosition(0), 1);
  assert.ok(meterPosition(-30) > 0.5 && meterPosition(-30) < 0.8);
});

test("the follower rises faster than it falls", () => {
  const follower = new Follower();
  const up = follower.follow(1, 40);
  const down = up - follower.follow(0, 40);
  assert.ok(up > 0.6 && down < 0.2 * up);
});

test("microphones are judged", () => {
  const judge = (level_dbfs, duration_ms) => {
    const verdict = new MicrophoneVerdict();
    let last = "";
    for (let t = 0; t < duration_ms; t += 20) last = verdict.add(level_dbfs, 20);
    return last;
  };
  assert.equal(judge(-30, 500), "waiting");
  assert.equal(judge(-30, 800), "good");
  assert.equal(judge(-2, 800), "loud");
  assert.equal(judge(-70, 3000), "waiting");
  assert.equal(judge(-70, 7000), "quiet");
  assert.equal(judge(-100, 7000), "dead");
});

test("a microphone that was too quiet is good once the voice is heard", () => {
  const verdict = new MicrophoneVerdict();
  for (let t = 0; t < 8000; t += 20) verdict.add(-70, 20);
  let last = "";
  for (let t = 0; t < 800; t += 20) last = verdict.add(-30, 20);
  assert.equal(last, "good");
});

test("a voice with a hundredth of its samples at full scale is too loud, as during the role-play", () => {
  const judge = (share) => {
    const verdict = new MicrophoneVerdict();
    let last = "";
    for (let t = 0; t < 800; t += 20) last = verdict.add(-15, 20, share);
    return last;
  };
  assert.equal(judge(0.005), "good");
  assert.equal(judge(0.02), "loud");
  assert.equal(fullShare(Int16Array.of(32767, -32768, 0, 100)), 0.5);
  assert.equal(fullShare(new Int16Array(0)), 0);
});
