/** What a level in dB means to a person: a position of the meter, a calm movement, a verdict on the microphone. */

const QUIETEST_DBFS = -60; // below: a quiet room; the meter rests
const LOUDEST_DBFS = -12; // speech close to the microphone peaks about here after the browser's gain control

/** Return where between 0 and 1 a meter stands for a level. */
export function meterPosition(level_dbfs) {
  return Math.max(0, Math.min(1, (level_dbfs - QUIETEST_DBFS) / (LOUDEST_DBFS - QUIETEST_DBFS)));
}

/** Follows a level quickly upwards and slowly downwards, so that speech looks like breath and not like flicker. */
export class Follower {
  constructor({ rise_ms = 40, fall_ms = 250 } = {}) {
    this.rise_ms = rise_ms;
    this.fall_ms = fall_ms;
    this.value = 0;
  }

  /** Move towards `target` for `elapsed_ms` and return the new value. */
  follow(target, elapsed_ms) {
    const time_ms = target > this.value ? this.rise_ms : this.fall_ms;
    this.value += (target - this.value) * (1 - Math.exp(-elapsed_ms / time_ms));
    return this.value;
  }
}

const SPEECH_DBFS = -42; // a voice at arm's length from a laptop, after gain control, is about -30
const CLIPPING_DBFS = -4; // root mean square this high means most peaks are cut off
const ENOUGH_SPEECH_MS = 600; // a word or two
const TOO_LONG_MS = 6000; // of nothing heard, before we say so
const DEAD_DBFS = -90; // digital silence: a muted or wrong device, not a quiet room

/** Judges from frames whether a microphone can be used: "waiting", "good", "loud", "quiet" or "dead". */
export class MicrophoneVerdict {
  constructor() {
    this.heard_ms = 0;
    this.clipped_ms = 0;
    this.listened_ms = 0;
    this.loudest_dbfs = -Infinity;
  }

  /** Take the level of a frame of `duration_ms` and return the verdict so far. */
  add(level_dbfs, duration_ms) {
    this.listened_ms += duration_ms;
    this.loudest_dbfs = Math.max(this.loudest_dbfs, level_dbfs);
    if (level_dbfs > SPEECH_DBFS) this.heard_ms += duration_ms;
    if (level_dbfs > CLIPPING_DBFS) this.clipped_ms += duration_ms;
    if (this.clipped_ms > 0.3 * this.heard_ms && this.heard_ms >= ENOUGH_SPEECH_MS) return "loud";
    if (this.heard_ms >= ENOUGH_SPEECH_MS) return "good";
    if (this.listened_ms < TOO_LONG_MS) return "waiting";
    return this.loudest_dbfs < DEAD_DBFS ? "dead" : "quiet";
  }
}
