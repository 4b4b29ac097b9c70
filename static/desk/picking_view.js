/** Picking a stretch of the recording: by the picture of the sound, by marking words, by keys, or by its seconds. */

import { turnAt } from "../core/places.js";
import { formatElapsed } from "../core/clock.js";
import { announce } from "../ui/announce.js";
import { button, freshId, h, IN_ENGLISH, setText } from "../ui/dom.js";
import { words as all } from "./strings.js";

const words = all.picking;
const STEP_S = 0.1;

/** Return from when to when the words are that somebody has marked on the page, or null; `spans` are `words`' elements. */
export function markedWords(spans, places, selection) {
  if (!selection || selection.isCollapsed || selection.rangeCount === 0) return null;
  const range = selection.getRangeAt(0);
  const marked = places.filter((_, index) => range.intersectsNode(spans[index]));
  return marked.length > 0 ? { from_ms: marked[0][1], to_ms: Math.max(...marked.map(([, , to_ms]) => to_ms)) } : null;
}

export class PickingView {
  #picked;
  #listener;
  #turns;
  #spans = [];
  #places;
  #selected = () => this.#take();

  /** `picked` is a PickedStretch of these turns; `transcript` is the element with their words. */
  constructor({ picked, listener, turns, transcript }) {
    this.#picked = picked;
    this.#listener = listener;
    this.#turns = turns;
    this.#places = turns.flatMap((turn) => turn.words);
    this.#spans = [...transcript.querySelectorAll(".word")];
    this.from = this.#seconds(() => picked.begin(1000 * this.from.valueAsNumber));
    this.to = this.#seconds(() => picked.end(1000 * this.to.valueAsNumber));
    this.text = h("p", { className: "evidence-text", ...IN_ENGLISH });
    this.play = button(words.play, () => this.#play(), { kind: "secondary" });
    this.clear = button(words.clear, () => picked.clear(), { kind: "quiet" });
    this.element = h(
      "fieldset",
      { className: "picking" },
      h("legend", {}, words.title),
      h("p", { className: "hint" }, words.hint),
      h(
        "div",
        { className: "row" },
        button(words.begin, () => this.begin(), { kind: "secondary" }),
        button(words.end, () => this.end(), { kind: "secondary" }),
        button(words.turn, () => this.turn(), { kind: "secondary" }),
      ),
      h("div", { className: "picking-ends" }, ...this.#labelled(words.from, this.from), ...this.#labelled(words.to, this.to), this.play, this.clear),
      this.text,
    );
    document.addEventListener("selectionchange", this.#selected);
    this.show();
  }

  /** Let the stretch begin at what is heard now. */
  begin() {
    this.#picked.begin(this.#listener.at_ms);
    announce(words.begins(formatElapsed(this.#listener.at_ms)));
  }

  /** Let it end there. */
  end() {
    this.#picked.end(this.#listener.at_ms);
    announce(words.ends(formatElapsed(this.#listener.at_ms)));
  }

  /** Take the turn that is heard now. */
  turn() {
    const turn = this.#turns[turnAt(this.#turns, this.#listener.at_ms)];
    if (!turn) {
      announce(words.no_turn);
      return;
    }
    this.#picked.between(turn.from_ms, turn.to_ms);
    announce(words.taken(formatElapsed(turn.from_ms), formatElapsed(turn.to_ms)));
  }

  /** Show what is picked. */
  show() {
    const { from_ms, to_ms, whole, stretch } = this.#picked;
    put(this.from, from_ms);
    put(this.to, to_ms);
    this.play.disabled = !whole || this.#listener.duration_ms === 0;
    this.clear.disabled = from_ms === null && to_ms === null;
    const said = whole ? stretch.text || words.nothing_said : from_ms === null && to_ms === null ? words.none : words.half;
    setText(this.text, said);
    this.text.classList.toggle("hint", !whole || !stretch.text);
    this.#places.forEach(([, from, to], index) => this.#spans[index].classList.toggle("word-picked", whole && to > from_ms && from < to_ms));
  }

  close() {
    document.removeEventListener("selectionchange", this.#selected);
  }

  #take() {
    const marked = markedWords(this.#spans, this.#places, window.getSelection());
    if (marked) this.#picked.between(marked.from_ms, marked.to_ms);
  }

  #play() {
    const { from_ms, to_ms } = this.#picked;
    this.#listener.play(from_ms, { until_ms: to_ms });
  }

  #seconds(take) {
    const field = h("input", { type: "number", id: freshId("seconds"), min: "0", step: String(STEP_S), className: "picking-seconds", on: { change: () => Number.isFinite(field.valueAsNumber) && take() } });
    return field;
  }

  #labelled(label, field) {
    return [h("label", { htmlFor: field.id }, label), field];
  }
}

/** What somebody is typing stays. */
function put(field, at_ms) {
  const text = at_ms === null ? "" : (at_ms / 1000).toFixed(1);
  if (document.activeElement !== field || field.value === "" || text === "") field.value = text;
}
