/** The stretch of a recording that an examiner picks as evidence: from where, to where, and what is said there. */

const MOST_LETTERS = 500; // as many as the server takes

/** Return what is said between two moments, of both sides, in the order of the turns. */
export function wordsBetween(turns, from_ms, to_ms) {
  const said = turns.flatMap((turn) => turn.words.filter(([, from, to]) => to > from_ms && from < to_ms).map(([text]) => text));
  return said.join(" ").slice(0, MOST_LETTERS);
}

export class PickedStretch {
  #turns;

  /** `turns` are those of the record, each with its words [text, from_ms, to_ms]. */
  constructor(turns) {
    this.#turns = turns;
    this.from_ms = null;
    this.to_ms = null;
    this.onchange = () => {};
  }

  /** Whether both ends are there. */
  get whole() {
    return this.from_ms !== null && this.to_ms !== null;
  }

  /** What is evidence: {from_ms, to_ms, text}, or null while an end is missing. */
  get stretch() {
    if (!this.whole) return null;
    const { from_ms, to_ms } = this;
    return { from_ms, to_ms, text: wordsBetween(this.#turns, from_ms, to_ms) };
  }

  /** Let it begin here; an end that would be before goes. */
  begin(at_ms) {
    this.#put(at_ms, this.to_ms !== null && this.to_ms > at_ms ? this.to_ms : null);
  }

  /** Let it end here; a beginning that would be after goes. */
  end(at_ms) {
    this.#put(this.from_ms !== null && this.from_ms < at_ms ? this.from_ms : null, at_ms);
  }

  /** Take all between two moments, in whichever order they come; nothing where they are one. */
  between(one_ms, other_ms) {
    if (Math.round(one_ms) === Math.round(other_ms)) this.clear();
    else this.#put(Math.min(one_ms, other_ms), Math.max(one_ms, other_ms));
  }

  clear() {
    this.#put(null, null);
  }

  #put(from_ms, to_ms) {
    const whole = (at_ms) => (at_ms === null ? null : Math.max(0, Math.round(at_ms)));
    this.from_ms = whole(from_ms);
    this.to_ms = whole(to_ms);
    this.onchange();
  }
}
