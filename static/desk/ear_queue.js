/**
 * Both voices on their way to the ear: keeps a little sound in hand, and skips ahead when it has fallen behind.
 *
 * Pure arithmetic on frames of 24 kHz, so that it can be tested without an audio thread.
 */

export const RATE_HZ = 24000;
// In hand before it plays: one piece of 60 ms and half of the next.
const START_MS = 90;
const MOST_MS = 350; // more than that and it is no longer live

export class EarQueue {
  #pieces = []; // {at_ms, pairs: Int16Array, from}
  #frames = 0;
  #playing = false;
  #gains = [1, 1];
  at_ms = 0; // the media time of the frame that is played next

  constructor() {
    this.live = true; // whether to skip what is late
  }

  /** Let a voice be heard or not: 0 is the candidate, 1 the patient. */
  hear(voice, on) {
    this.#gains[voice] = on ? 1 : 0;
  }

  /** Take a piece: pairs of samples, candidate and patient, from media time `at_ms` on. */
  push(at_ms, pairs) {
    this.#pieces.push({ at_ms, pairs, from: 0 });
    this.#frames += pairs.length / 2;
    if (this.live) this.#catchUp(MOST_MS);
  }

  /** Play what is newest from now on. */
  goLive() {
    this.live = true;
    this.#catchUp(START_MS);
  }

  /** How much sound is in hand, in milliseconds. */
  get in_hand_ms() {
    return (1000 * this.#frames) / RATE_HZ;
  }

  /** Fill float samples; return whether there was sound for all of them. */
  render(output) {
    if (!this.#playing && this.in_hand_ms < START_MS) {
      output.fill(0);
      return false;
    }
    this.#playing = true;
    let done = 0;
    while (done < output.length && this.#pieces.length > 0) {
      const piece = this.#pieces[0];
      const count = Math.min(output.length - done, piece.pairs.length / 2 - piece.from);
      for (let i = 0; i < count; i += 1) {
        const place = 2 * (piece.from + i);
        const mixed = this.#gains[0] * piece.pairs[place] + this.#gains[1] * piece.pairs[place + 1];
        output[done + i] = Math.max(-1, Math.min(1, mixed / 32768));
      }
      this.#drop(count);
      done += count;
    }
    if (done === output.length) return true;
    output.fill(0, done);
    this.#playing = false;
    return false;
  }

  #catchUp(most_ms) {
    if (this.in_hand_ms <= most_ms) return;
    let surplus = this.#frames - Math.round((START_MS * RATE_HZ) / 1000);
    while (surplus > 0 && this.#pieces.length > 0) {
      const count = Math.min(surplus, this.#pieces[0].pairs.length / 2 - this.#pieces[0].from);
      this.#drop(count);
      surplus -= count;
    }
  }

  #drop(count) {
    const piece = this.#pieces[0];
    piece.from += count;
    this.#frames -= count;
    this.at_ms = piece.at_ms + (1000 * piece.from) / RATE_HZ;
    if (piece.from >= piece.pairs.length / 2) this.#pieces.shift();
  }
}

/** Return {at_ms, pairs} of a binary message, or null when it is none of both voices. */
export function readSound(buffer) {
  const BOTH_VOICES = 3;
  const HEADER_BYTES = 8;
  if (buffer.byteLength < HEADER_BYTES || (buffer.byteLength - HEADER_BYTES) % 4 !== 0) return null;
  const view = new DataView(buffer);
  if (view.getUint8(0) !== BOTH_VOICES) return null;
  const pairs = new Int16Array((buffer.byteLength - HEADER_BYTES) / 2);
  for (let i = 0; i < pairs.length; i += 1) pairs[i] = view.getInt16(HEADER_BYTES + 2 * i, true);
  return { at_ms: view.getUint32(4, true), pairs };
}
