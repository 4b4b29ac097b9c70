/** What a level in dB means to a person: a position of the meter, a calm movement, a verdict on the microphone. */

const QUIETEST_DBFS = -60; // below: a quiet room; the meter rests
// Speech close to the microphone peaks about here after the browser's gain control.
const LOUDEST_DBFS = -12;

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

// During the role-play a voice below -45 dB on average is called faint (audio/sound_check.py). One of -45 has enough
// frames above -42 within the time that is given here, one of -50 has not.
const SPEECH_DBFS = -42;
// A root mean square this high means that most peaks are cut off.
const CLIPPING_DBFS = -4;
// Both are those of the role-play: half a dB below full scale, and the share of a voice's samples that may be there.
const FULL_SCALE = 30935;
const CLIPPED_SHARE = 0.01;
const ENOUGH_SPEECH_MS = 600; // a word or two
const TOO_LONG_MS = 6000; // of nothing heard, before we say so
// This is digital silence: a muted or wrong device, not a quiet room.
const DEAD_DBFS = -90;

/** Return the share of 16-bit samples at full scale, 0 to 1. */
export function fullShare(pcm) {
  let count = 0;
  for (const sample of pcm) if (sample >= FULL_SCALE || sample <= -FULL_SCALE) count += 1;
  return pcm.length ? count / pcm.length : 0;
}

/** Judges from frames whether a microphone can be used: "waiting", "good", "loud", "quiet" or "dead". */
export class MicrophoneVerdict {
  constructor() {
    this.heard_ms = 0;
    this.clipped_ms = 0;
    this.full_ms = 0; // of samples at full scale
    this.listened_ms = 0;
    this.loudest_dbfs = -Infinity;
  }

  /** Take a frame of `duration_ms`: its level and the share of its samples at full scale; return the verdict so far. */
  add(level_dbfs, duration_ms, full_share = 0) {
    this.listened_ms += duration_ms;
    this.loudest_dbfs = Math.max(this.loudest_dbfs, level_dbfs);
    if (level_dbfs > SPEECH_DBFS) this.heard_ms += duration_ms;
    this.full_ms += full_share * duration_ms;
    if (level_dbfs > CLIPPING_DBFS) this.clipped_ms += duration_ms;
    const cut = this.clipped_ms > 0.3 * this.heard_ms || this.full_ms >= CLIPPED_SHARE * this.heard_ms;
    if (cut && this.heard_ms >= ENOUGH_SPEECH_MS) return "loud";
    if (this.heard_ms >= ENOUGH_SPEECH_MS) return "good";
    if (this.listened_ms < TOO_LONG_MS) return "waiting";
    return this.loudest_dbfs < DEAD_DBFS ? "dead" : "quiet";
  }
}
