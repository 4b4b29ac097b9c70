/** Cuts a stream of samples into frames of one length, with their level. */

import { floatToInt16, levelDbfs } from "./pcm.js";

/** Length of a captured frame: one message each. Shorter costs messages, longer is heard as delay. */
export const FRAME_MS = 20;

export class FrameCutter {
  /** Frames have `frame_samples` samples. */
  constructor(frame_samples) {
    this.pending = new Float32Array(frame_samples);
    this.filled = 0;
    /** While true, frames are silence of the same length: media time goes on, nothing is heard. */
    this.muted = false;
  }

  /** Take float samples of any number; return the frames they complete as {pcm: Int16Array, level_dbfs}. */
  push(samples) {
    const frames = [];
    let taken = 0;
    while (taken < samples.length) {
      const count = Math.min(samples.length - taken, this.pending.length - this.filled);
      this.pending.set(samples.subarray(taken, taken + count), this.filled);
      taken += count;
      this.filled += count;
      if (this.filled === this.pending.length) {
        if (this.muted) this.pending.fill(0);
        frames.push({ pcm: floatToInt16(this.pending), level_dbfs: levelDbfs(this.pending) });
        this.filled = 0;
      }
    }
    return frames;
  }
}
