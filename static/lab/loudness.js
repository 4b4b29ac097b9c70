/** Levels in windows of 10 ms, and the two ends of voice-to-voice: the same definitions as the server's. */

import { FLOOR_DBFS, levelDbfs } from "../core/pcm.js";

export const WINDOW_MS = 10;
// A window this far below the loudest one still counts as voiced: that is speech, but not breath and room.
const VOICED_RANGE_DB = 25;
// This is above the noise of a headset and below any spoken syllable.
export const AUDIBLE_DBFS = -45;

/** Return the level in dBFS of each whole window of float samples. */
export function windowLevels(samples, rate_hz) {
  const window = (rate_hz * WINDOW_MS) / 1000;
  const levels = new Float32Array(Math.floor(samples.length / window));
  for (let i = 0; i < levels.length; i += 1) {
    levels[i] = levelDbfs(samples.subarray(Math.round(i * window), Math.round((i + 1) * window)));
  }
  return levels;
}

/** Return the end in ms of the last window that is voiced, or null where there is only silence. */
export function lastVoicedMs(levels) {
  const loudest = levels.reduce((most, level) => Math.max(most, level), FLOOR_DBFS);
  if (loudest <= FLOOR_DBFS) return null;
  return (levels.findLastIndex((level) => level >= loudest - VOICED_RANGE_DB) + 1) * WINDOW_MS;
}

// Pauses within words and between clauses are shorter, or do not matter.
const HANGOVER_MS = 100;

/** Tells when sound begins and when it is over, from a stream of samples; runs in the audio thread. */
export class SoundGate {
  constructor(rate_hz) {
    this.rate_hz = rate_hz;
    this.window = new Float32Array((rate_hz * WINDOW_MS) / 1000);
    this.filled = 0;
    this.on = false;
    this.heard_until_ms = 0;
  }

  /** Take float samples of which the first is at `at_ms`; return the changes as {on, at_ms}. */
  push(samples, at_ms) {
    const changes = [];
    for (let taken = 0; taken < samples.length; ) {
      const count = Math.min(samples.length - taken, this.window.length - this.filled);
      this.window.set(samples.subarray(taken, taken + count), this.filled);
      taken += count;
      this.filled += count;
      if (this.filled < this.window.length) break;
      this.filled = 0;
      const ends_ms = at_ms + (1000 * taken) / this.rate_hz;
      this.#judge(levelDbfs(this.window) > AUDIBLE_DBFS, ends_ms, changes);
    }
    return changes;
  }

  #judge(audible, ends_ms, changes) {
    if (audible) {
      if (!this.on) changes.push({ on: true, at_ms: ends_ms - WINDOW_MS });
      this.on = true;
      this.heard_until_ms = ends_ms;
    } else if (this.on && ends_ms - this.heard_until_ms >= HANGOVER_MS) {
      this.on = false;
      changes.push({ on: false, at_ms: this.heard_until_ms });
    }
  }
}
