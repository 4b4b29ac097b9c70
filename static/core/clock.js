/** Count-downs on a monotonic clock, which is given in so that tests need not wait. */

/** Return milliseconds as "m:ss", rounded up: 0:00 is shown only when nothing is left. */
export function formatClock(left_ms) {
  const seconds = Math.ceil(Math.max(0, left_ms) / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** Return a time since the start as "m:ss", rounded down, as clocks of recordings do. */
export function formatElapsed(elapsed_ms) {
  const seconds = Math.floor(Math.max(0, elapsed_ms) / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

export class Countdown {
  /** Starts at once; `now` returns monotonic milliseconds. */
  constructor(duration_ms, now) {
    this.now = now;
    this.ends_ms = now() + duration_ms;
    this.stopped_ms = null; // what was left when it was stopped
  }

  /** Milliseconds left, never negative. */
  get left_ms() {
    return this.stopped_ms ?? Math.max(0, this.ends_ms - this.now());
  }

  /** Stand still with so much left. */
  stop(left_ms) {
    this.stopped_ms = left_ms;
  }

  /** Run again with so much left. */
  run(left_ms) {
    this.stopped_ms = null;
    this.ends_ms = this.now() + left_ms;
  }

  /** True once nothing is left. */
  get over() {
    return this.left_ms === 0;
  }
}

/**
 * Moments of a count-down that are told in words, each once: to people who do not see the clock.
 *
 * `marks_ms` are times left, in any order.
 */
export class Milestones {
  constructor(marks_ms, duration_ms) {
    this.waiting = marks_ms.filter((mark) => mark < duration_ms).sort((a, b) => b - a);
  }

  /** Return the latest mark that was reached since the last call, or null. */
  reached(left_ms) {
    let latest = null;
    while (this.waiting.length > 0 && left_ms <= this.waiting[0]) latest = this.waiting.shift();
    return latest;
  }
}
