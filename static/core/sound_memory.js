/** What the microphone heard last, by its place in all that was sent: what a broken connection lost is sent again. */

import { WIRE_HZ } from "./pcm.js";

// Nobody wants to hear an answer to what was said longer ago.
export const KEPT_MS = 10000;
// Fewer, larger messages are sent: a burst of frames would look like a flood.
const PIECE_MS = 500;

const samplesIn = (ms) => Math.round((ms * WIRE_HZ) / 1000);
const msIn = (samples) => (1000 * samples) / WIRE_HZ;

export class SoundMemory {
  constructor() {
    // Each is {before, at_ms, pcm}: samples before it, the time at its beginning, an Int16Array.
    this.kept = [];
    this.total = 0;
    this.skipped = 0; // never sent
  }

  /** So much had been sent before this page was loaded. */
  begin(sent_ms) {
    this.total = samplesIn(sent_ms);
  }

  /** Keep a frame that was captured until `now_ms`. */
  add(pcm, now_ms) {
    this.kept.push({ before: this.total, at_ms: now_ms - msIn(pcm.length), pcm });
    this.total += pcm.length;
    while (this.total - this.kept[0].before > samplesIn(KEPT_MS)) this.kept.shift();
  }

  /** So many samples were given up without being sent. */
  skip(samples) {
    this.skipped += samples;
  }

  /** So much of all has come, as it is now known: what is here and was not counted there is no loss. */
  align(received_ms) {
    this.skipped = Math.max(0, this.total - samplesIn(received_ms));
  }

  /** Return what came after `received_ms` of all that was sent, as [{at_ms, pcm}]; all of it counts as sent then. */
  since(received_ms) {
    const received = samplesIn(received_ms) + this.skipped;
    const left = this.kept.filter(({ before, pcm }) => before + pcm.length > received);
    if (left.length === 0) return [];
    const [first] = left;
    if (first.before > received) this.skipped += first.before - received;
    else if (first.before < received) {
      const gone = received - first.before;
      left[0] = { before: received, at_ms: first.at_ms + msIn(gone), pcm: first.pcm.subarray(gone) };
    }
    const pieces = [];
    while (left.length > 0) {
      const parts = [];
      let length = 0;
      const { at_ms } = left[0];
      while (left.length > 0 && length < samplesIn(PIECE_MS)) {
        parts.push(left[0].pcm);
        length += left.shift().pcm.length;
      }
      const pcm = new Int16Array(length);
      let at = 0;
      for (const part of parts) {
        pcm.set(part, at);
        at += part.length;
      }
      pieces.push({ at_ms, pcm });
    }
    return pieces;
  }
}
