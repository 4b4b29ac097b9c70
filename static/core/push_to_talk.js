/**
 * The key of push-to-talk: held, one talks; pressed shortly, one talks until it is pressed again.
 *
 * Not everybody can hold a key for a whole sentence, and screen readers press keys rather than hold them.
 */

const SHORT_MS = 350;

export class PushToTalk {
  constructor() {
    this.talking = false;
    this.locked = false; // talking without holding
    this.#down_ms = null;
  }

  #down_ms;

  /** The key went down at `now_ms` (monotonic); return whether one talks now. */
  down(now_ms) {
    if (this.#down_ms !== null) return this.talking; // it repeats
    this.#down_ms = now_ms;
    this.talking = !this.locked;
    return this.talking;
  }

  /** The key went up; return whether one talks now. */
  up(now_ms) {
    if (this.#down_ms === null) return this.talking;
    const short = now_ms - this.#down_ms < SHORT_MS;
    this.#down_ms = null;
    this.locked = this.talking && short;
    this.talking = this.locked;
    return this.talking;
  }

  /** Forget the key: the window lost it. */
  release() {
    this.#down_ms = null;
    this.locked = false;
    this.talking = false;
    return false;
  }
}
