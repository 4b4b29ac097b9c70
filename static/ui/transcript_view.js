/** A conversation that is over, as text: every turn can be heard, and every word is a place to hear it from. */

import { formatElapsed } from "../core/clock.js";
import { seconds } from "../core/cards.js";
import { isUnclear, unclearOf } from "../core/clarity.js";
import { stretchOf, turnAt, wordAt } from "../core/places.js";
import { strings } from "../strings.js";
import { speaker } from "./caption_view.js";
import { button, h, IN_ENGLISH } from "./dom.js";
import { unclearWord, withUnclear } from "./unclear_word.js";
import { correctableWord } from "./word_correction.js";

const words = strings.debrief;

export class TranscriptView {
  #rows = [];
  #turns;
  #names;
  #texts;
  #corrections;
  #now = null; // the word that is heard

  /**
   * `turns` are those of the record, or lines of captions, which have no places and can't be heard; `names` are the
   * sides', `texts` what the page says of a turn: {typed, told_here(topic)}. With Corrections the candidate can say what was said where it was not heard clearly.
   */
  constructor(turns, { names = { candidate: speaker("candidate"), patient: speaker("patient") }, corrections = null, texts = words } = {}) {
    this.#names = names;
    this.#texts = texts;
    this.#corrections = corrections;
    this.#turns = turns.map((turn) => ({ words: [], ...turn }));
    this.onturn = () => {}; // (turn)
    this.onword = () => {}; // (turn, from_ms)
    this.#rows = this.#turns.map((turn, number) => this.#row(turn, number));
    this.element = h("ol", { className: "said" }, ...this.#rows.map((row) => row.element));
    this.element.addEventListener("click", (event) => this.#clicked(event));
  }

  /** Whether some word was not heard clearly. */
  get has_unclear() {
    return this.#turns.some((turn) => (turn.unclear ?? unclearOf(turn.words)).length > 0);
  }

  /** Say whether there is a sound to be heard. */
  set audible(on) {
    this.element.dataset.audible = String(on);
    for (const row of this.#rows) if (row.play) row.play.hidden = !on;
  }

  /** Have a click on a turn play its stretch of what `listener` has, or pause it, and one on a word play from there. */
  plays(listener) {
    this.onturn = (turn) => {
      if (listener.playing && listener.stretch === turn) {
        listener.pause();
        return;
      }
      const { from_ms, to_ms } = stretchOf(turn, listener.duration_ms);
      listener.play(from_ms, { until_ms: to_ms, stretch: turn });
    };
    this.onword = (_turn, from_ms) => listener.play(from_ms);
  }

  /** Show what is heard: the word at a time, and the turn whose button now pauses. */
  show({ at_ms, playing, turn }) {
    const index = playing ? turnAt(this.#turns, at_ms) : -1;
    const row = this.#rows[index];
    const word = row ? (row.words[wordAt(this.#turns[index].words, at_ms)] ?? null) : null;
    if (word !== this.#now) {
      this.#now?.classList.remove("word-now");
      word?.classList.add("word-now");
      this.#now = word;
    }
    this.#rows.forEach(({ play, turn: own, label }) => {
      if (!play) return;
      const active = playing && own === turn;
      if (play.dataset.active === String(active)) return;
      play.dataset.active = String(active);
      play.setAttribute("aria-label", active ? words.pause_turn(label) : words.play_turn(label));
    });
  }

  #row(turn, number) {
    const has_place = turn.from_ms !== undefined;
    const can_play = turn.words.length > 0 || (!turn.typed && turn.to_ms > turn.from_ms);
    const label = words.turn_label(this.#names[turn.role], has_place ? formatElapsed(turn.from_ms) : "");
    const play = can_play
      ? button("", () => this.onturn(turn), {
          kind: "turn",
          hidden: true,
          data: { active: "false" },
          attrs: { "aria-label": words.play_turn(label) },
        })
      : null;
    const spans = turn.words.map(([text, from_ms, , confidence], place) => {
      const props = { className: "word", data: { from: from_ms } };
      if (!isUnclear(confidence)) return h("span", props, text);
      if (turn.role !== "candidate" || !this.#corrections) return unclearWord(text, props);
      return correctableWord(text, this.#corrections.at(number, place), (put) => this.#corrections.put(number, place, put), props);
    });
    const spaced = spans.flatMap((span, index) => (index === 0 ? [span] : [" ", span]));
    const marks = [turn.typed ? this.#texts.typed : "", turn.interrupted ? words.interrupted : ""].filter(Boolean);
    const element = h(
      "li",
      { className: `turn turn-${turn.role}` },
      h("div", { className: "turn-play" }, play),
      h(
        "div",
        { className: "turn-body" },
        h(
          "p",
          { className: "turn-head" },
          h("span", { className: "caption-who" }, this.#names[turn.role]),
          has_place ? h("span", { className: "turn-time" }, formatElapsed(turn.from_ms)) : null,
          turn.latency_ms ? h("span", { className: "turn-time" }, words.after(seconds(turn.latency_ms))) : null,
        ),
        h(
          "p",
          { className: "caption-text" },
          h("span", IN_ENGLISH, ...(spans.length > 0 ? spaced : withUnclear(turn.text, turn.unclear ?? []))),
          marks.length > 0 ? h("span", { className: "caption-mark" }, ` (${marks.join(", ")})`) : null,
        ),
        ...(turn.cues ?? []).map((topic) => h("p", { className: "turn-cue" }, this.#texts.told_here(topic))),
      ),
    );
    return { element, play, words: spans, turn, label };
  }

  #clicked(event) {
    const word = event.target.closest?.(".word");
    if (!word || this.element.dataset.audible !== "true" || window.getSelection()?.toString()) return;
    const row = this.#rows.find(({ element }) => element.contains(word));
    this.onword(row.turn, Number(word.dataset.from));
  }
}
