/**
 * What the patient's sound goes through before it is heard: a queue of chunks that belong to items.
 *
 * It counts the samples of each item that were really played, since the server must know what was heard; gaps in
 * delivery are silence and are not counted. An item can be held and go on, also from a little before, so its last sound
 * is kept. It runs in the audio thread and owns nothing but numbers.
 */

const REPORT_EVERY_MS = 100; // how often the server is told how far it was heard
// This is long enough not to click when speech is cut, and short enough to be felt as at once.
const FADE_MS = 10;
// So much audio is waited for before an item starts or goes on after a gap: it rides out small jitter.
const PRIME_MS = 40;
// So much of what was played is kept: the server goes back by 1.5 s at most.
const KEEP_MS = 2000;

export class PlayoutQueue {
  constructor(rate_hz) {
    this.rate_hz = rate_hz;
    this.items = []; // in order, see #add
    this.tail = null; // what was cut, fading out: {samples, at}
    this.cleared = new Set(); // late chunks of items that were cut must stay silent
  }

  /** Queue float samples of an item. */
  enqueue(item_id, samples) {
    if (this.cleared.has(item_id) || samples.length === 0) return;
    const item = this.#find(item_id) ?? this.#add(item_id);
    item.chunks.push(samples);
    item.left += samples.length;
  }

  /** Tell that nothing more of the item will come, so that its end can be told from a gap. */
  complete(item_id) {
    const item = this.#find(item_id);
    if (item) item.complete = true;
  }

  /** Drop an item: fade it out if it is being heard, forget it if it is not. Returns reports. */
  clear(item_id) {
    this.cleared.add(item_id);
    const item = this.#find(item_id);
    if (!item) return [];
    this.#fadeOut(item);
    this.items = this.items.filter((other) => other !== item);
    return [this.#report("cleared", item)];
  }

  /** Fade an item out and keep it, with everything behind it, waiting at the place where the fade began. */
  hold(item_id) {
    const item = this.#find(item_id);
    if (!item) return [];
    if (!item.held) this.#fadeOut(item);
    item.held = true;
    item.reported = item.played;
    return [this.#report("held", item)];
  }

  /** Let a held item go on from `from_ms` of its sound, as far back as it is kept, or from where it waits if earlier. */
  resume(item_id, from_ms) {
    const item = this.#find(item_id);
    if (!item?.held) return [];
    item.held = false;
    const place = Math.max(item.kept_from, Math.min(item.played, this.#samples(from_ms)));
    item.left += item.played - place;
    item.played = place;
    item.reported = place;
    item.rising = this.#samples(FADE_MS);
    item.index = 0;
    item.offset = place - item.kept_from;
    while (item.index < item.chunks.length && item.offset >= item.chunks[item.index].length) {
      item.offset -= item.chunks[item.index].length;
      item.index += 1;
    }
    return [this.#report("resumed", item)];
  }

  /** Drop all there is of an item: what comes from now on begins at `from_ms` of its sound. */
  restart(item_id, from_ms) {
    const item = this.#find(item_id) ?? this.#add(item_id);
    this.#fadeOut(item);
    const place = this.#samples(from_ms);
    Object.assign(item, { chunks: [], index: 0, offset: 0, left: 0, kept_from: place, played: place, reported: place });
    Object.assign(item, { rising: this.#samples(FADE_MS), complete: false, primed: false, held: false });
    return [this.#report("resumed", item)];
  }

  /** Fill `output` (floats) and return reports {kind: started|progress|drained|ended, item_id, played_ms}. */
  render(output) {
    const reports = [];
    output.fill(0);
    let filled = 0;
    while (filled < output.length && this.items.length > 0) {
      const item = this.items[0];
      if (item.held) break;
      if (item.left === 0) {
        // Another item has begun, so no more of this one will come even if nobody said so.
        if (!item.complete && this.items.length === 1) {
          item.primed = false;
          // The server says that an item is complete once it was heard: it has to be told that it was.
          if (item.played > item.reported) reports.push(this.#report("drained", item));
          item.reported = item.played;
          break;
        }
        this.items.shift();
        reports.push(this.#report("ended", item));
        continue;
      }
      if (!this.#ready(item)) break;
      if (!item.started) {
        item.started = true;
        reports.push(this.#report("started", item));
      }
      filled += this.#play(item, output, filled);
      if (item.played - item.reported >= this.#samples(REPORT_EVERY_MS)) {
        item.reported = item.played;
        reports.push(this.#report("progress", item));
      }
    }
    this.#playTail(output);
    return reports;
  }

  #play(item, output, filled) {
    const chunk = item.chunks[item.index];
    const count = Math.min(output.length - filled, chunk.length - item.offset);
    const rise = this.#samples(FADE_MS);
    for (let i = 0; i < count; i += 1) {
      const gain = item.rising > 0 ? 1 - item.rising / rise : 1;
      if (item.rising > 0) item.rising -= 1;
      output[filled + i] = chunk[item.offset + i] * gain;
    }
    this.#advance(item, count);
    return count;
  }

  #advance(item, count) {
    item.offset += count;
    item.left -= count;
    item.played += count;
    if (item.offset < item.chunks[item.index].length) return;
    item.index += 1;
    item.offset = 0;
    while (item.index > 0 && item.kept_from + item.chunks[0].length <= item.played - this.#samples(KEEP_MS)) {
      item.kept_from += item.chunks.shift().length;
      item.index -= 1;
    }
  }

  /** Let what would be heard next of an item die away; its place stays. */
  #fadeOut(item) {
    if (item !== this.items[0] || item.held || !item.primed || item.left === 0) return;
    const total = Math.min(item.left, this.#samples(FADE_MS));
    const samples = new Float32Array(total);
    let { index, offset } = item;
    for (let i = 0; i < total; i += 1) {
      samples[i] = (item.chunks[index][offset] * (total - i)) / total;
      offset += 1;
      if (offset === item.chunks[index].length) {
        index += 1;
        offset = 0;
      }
    }
    this.tail = { samples, at: 0 };
  }

  #playTail(output) {
    if (!this.tail) return;
    const { samples, at } = this.tail;
    const count = Math.min(output.length, samples.length - at);
    for (let i = 0; i < count; i += 1) output[i] += samples[at + i];
    this.tail.at += count;
    if (this.tail.at === samples.length) this.tail = null;
  }

  #ready(item) {
    item.primed ||= item.complete || this.items.length > 1 || item.left >= this.#samples(PRIME_MS);
    return item.primed;
  }

  #find(item_id) {
    return this.items.find((item) => item.id === item_id);
  }

  #add(item_id) {
    const item = {
      id: item_id,
      // Each is a Float32Array: the last audio that was played, and what is still to be.
      chunks: [],
      // This is the place of the first of them in the item's audio, in samples.
      kept_from: 0,
      index: 0, // the chunk and the sample in it that come next
      offset: 0,
      left: 0, // samples
      played: 0,
      reported: 0,
      rising: 0, // samples of a fade in that are left
      started: false,
      complete: false,
      primed: false,
      held: false,
    };
    this.items.push(item);
    return item;
  }

  #report(kind, item) {
    return { kind, item_id: item.id, played_ms: Math.round((1000 * item.played) / this.rate_hz) };
  }

  #samples(duration_ms) {
    return Math.round((duration_ms * this.rate_hz) / 1000);
  }
}
