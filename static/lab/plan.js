/** What a run will say: a recording's turns, from its truth file or found by their level. */

import { lastVoicedMs, windowLevels, WINDOW_MS } from "./loudness.js";

// A turn keeps so much of the recording's own room before it: the voice detector settles on it.
const LEAD_IN_MS = 300;
// It keeps so much after it, so that it does not end in sudden digital silence.
const LEAD_OUT_MS = 400;
// A longer silence separates turns. Thinking pauses stay inside.
const TURN_GAP_MS = 1500;
const BRIDGE_MS = 100; // a stop within a word
const LEAST_SPEECH_MS = 150; // shorter is a click
// The channels cancel each other if their mean has less than this share of the loudest one's power. The server judges so too.
const LOST = 0.1;

/** Return the samples to speak of an AudioBuffer's channels (arrays of floats): `speech_in` as in truth files. */
export function voiceOf(channels, speech_in = "both") {
  if (channels.length === 1) return channels[0];
  if (speech_in === "left") return channels[0];
  if (speech_in === "right") return channels[1];
  const mixed = new Float32Array(channels[0].length);
  for (const channel of channels) {
    for (let i = 0; i < mixed.length; i += 1) mixed[i] += channel[i] / channels.length;
  }
  const powers = channels.map(energy);
  const loudest = powers.indexOf(Math.max(...powers));
  return energy(mixed) < LOST * powers[loudest] ? channels[loudest] : mixed;
}

const energy = (samples) => samples.reduce((sum, value) => sum + value * value, 0);

/**
 * Return the turns of a recording: {samples, voiced_from_ms, voiced_to_ms, found_to_ms, text, expect, source,
 * recorded_from_ms}; `found_to_ms` is where its level says that the voice ends, as the server would find it.
 *
 * `spans` are {from_ms, to_ms, text, expect} of a truth file; null: they are found. Times of a turn count from the first
 * of its own samples.
 */
export function planTurns(samples, rate_hz, { spans = null, source = "" } = {}) {
  const found = spans ?? findSpans(samples, rate_hz);
  const total_ms = (1000 * samples.length) / rate_hz;
  const at = (ms) => Math.round((ms * rate_hz) / 1000);
  return found.map(({ from_ms, to_ms, text = null, expect = null }, index) => {
    const before_ms = index > 0 ? (found[index - 1].to_ms + from_ms) / 2 : 0;
    const after_ms = index + 1 < found.length ? (to_ms + found[index + 1].from_ms) / 2 : total_ms;
    const cut_from_ms = Math.max(from_ms - LEAD_IN_MS, before_ms);
    const cut_to_ms = Math.min(to_ms + LEAD_OUT_MS, after_ms);
    const cut = samples.slice(at(cut_from_ms), at(cut_to_ms));
    return {
      samples: cut,
      voiced_from_ms: from_ms - cut_from_ms,
      voiced_to_ms: to_ms - cut_from_ms,
      found_to_ms: lastVoicedMs(windowLevels(cut, rate_hz)) ?? to_ms - cut_from_ms,
      text,
      expect,
      source,
      recorded_from_ms: cut_from_ms,
    };
  });
}

/** Return where somebody speaks, by level alone: stretches that are TURN_GAP_MS apart, as {from_ms, to_ms}. */
export function findSpans(samples, rate_hz) {
  const levels = windowLevels(samples, rate_hz);
  const threshold = speechThreshold(levels);
  if (threshold === null) return [];
  const bursts = joined(stretches(levels, threshold), BRIDGE_MS).filter(
    ({ from_ms, to_ms }) => to_ms - from_ms >= LEAST_SPEECH_MS,
  );
  return joined(bursts, TURN_GAP_MS).map(({ from_ms, to_ms }) => {
    const own = levels.subarray(from_ms / WINDOW_MS, to_ms / WINDOW_MS);
    return { from_ms, to_ms: from_ms + (lastVoicedMs(own) ?? to_ms - from_ms) };
  });
}

/** Return the level above which a window counts as speech: well above the room, not far below the voice; or null. */
function speechThreshold(levels) {
  const ranked = Float32Array.from(levels).sort();
  if (ranked.length === 0) return null;
  const room = ranked[Math.floor(0.1 * ranked.length)];
  const voice = ranked[Math.floor(0.98 * (ranked.length - 1))];
  if (voice < -60) return null;
  return Math.min(voice - 8, Math.max(room + 12, voice - 30, -60));
}

function stretches(levels, threshold) {
  const found = [];
  levels.forEach((level, index) => {
    if (level < threshold) return;
    const last = found.at(-1);
    if (last?.to_ms === index * WINDOW_MS) last.to_ms += WINDOW_MS;
    else found.push({ from_ms: index * WINDOW_MS, to_ms: (index + 1) * WINDOW_MS });
  });
  return found;
}

function joined(spans, within_ms) {
  const result = [];
  for (const span of spans) {
    const last = result.at(-1);
    if (last && span.from_ms - last.to_ms <= within_ms) last.to_ms = span.to_ms;
    else result.push({ ...span });
  }
  return result;
}
