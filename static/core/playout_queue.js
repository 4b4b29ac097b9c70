/**
 * What the patient's sound goes through before it is heard: a queue of chunks that belong to items.
 *
 * It counts the samples of each item that were really played, since the server must know what was heard; gaps in
 * delivery are silence and are not counted. It runs in the audio thread and owns nothing but numbers.
 */

const REPORT_EVERY_MS = 100; // how often the server is told how far it was heard
const FADE_MS = 10; // long enough not to click when speech is cut, short enough to be felt as at once
const PRIME_MS = 40; // sound waited for before an item starts or goes on after a gap: rides out small jitter

export class PlayoutQueue {
  constructor(rate_hz) {
    this.rate_hz = rate_hz;
    this.items = []; // in order: {id, chunks: Float32Array[], offset, held, played, reported, started, complete, primed}
    this.fade = null; // {id, left, total} while the current item is being cut
    this.cleared = new Set(); // late chunks of items that were cut must stay silent
  }

  /** Queue float samples of an item. */
  enqueue(item_id, samples) {
    if (this.cleared.has(item_id) || samples.length === 0) return;
    const item = this.#find(item_id) ?? this.#add(item_id);
    item.chunks.push(samples);
    item.held += samples.length;
  }

  /** Tell that nothing more of the item will come, so that its end can be told from a gap. */
  complete(item_id) {
    const item = this.#find(item_id);
    if (item) item.complete = true;
  }

  /** Drop an item: fade it out if it is being heard, forget it if it is not. */
  clear(item_id) {
    this.cleared.add(item_id);
    const index = this.items.findIndex((item) => item.id === item_id);
    if (index < 0) return [];
    const item = this.items[index];
    if (index === 0 && item.primed && item.held > 0) {
      const total = Math.min(item.held, this.#samples(FADE_MS));
      this.fade = { id: item_id, left: total, total };
      return [];
    }
    this.items.splice(index, 1);
    return [this.#report("cleared", item)];
  }

  /** Fill `output` (floats) and return reports {kind: started|progress|ended|cleared, item_id, played_ms}. */
  render(output) {
    const reports = [];
    output.fill(0);
    let filled = 0;
    while (filled < output.length && this.items.length > 0) {
      const item = this.items[0];
      if (item.held === 0) {
        // Another item has begun, so no more of this one will come even if nobody said so.
        if (!item.complete && this.items.length === 1) {
          item.primed = false;
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
      if (this.fade && this.fade.left === 0) {
        this.fade = null;
        this.items.shift();
        reports.push(this.#report("cleared", item));
      } else if (item.played - item.reported >= this.#samples(REPORT_EVERY_MS)) {
        item.reported = item.played;
        reports.push(this.#report("progress", item));
      }
    }
    return reports;
  }

  #play(item, output, filled) {
    const chunk = item.chunks[0];
    let count = Math.min(output.length - filled, chunk.length - item.offset);
    if (this.fade) count = Math.min(count, this.fade.left);
    for (let i = 0; i < count; i += 1) {
      const gain = this.fade ? (this.fade.left - i) / this.fade.total : 1;
      output[filled + i] = chunk[item.offset + i] * gain;
    }
    if (this.fade) this.fade.left -= count;
    item.offset += count;
    item.held -= count;
    item.played += count;
    if (item.offset === chunk.length) {
      item.chunks.shift();
      item.offset = 0;
    }
    return count;
  }

  #ready(item) {
    item.primed ||= item.complete || this.items.length > 1 || item.held >= this.#samples(PRIME_MS);
    return item.primed;
  }

  #find(item_id) {
    return this.items.find((item) => item.id === item_id);
  }

  #add(item_id) {
    const item = {
      id: item_id,
      chunks: [],
      offset: 0,
      held: 0,
      played: 0,
      reported: 0,
      started: false,
      complete: false,
      primed: false,
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
