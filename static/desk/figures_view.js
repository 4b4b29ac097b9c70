/** Figures of a role-play with what they mean: those so far, and the measures of one that is over. */

import { h, section, setText } from "../ui/dom.js";
import { words as all } from "./strings.js";

const words = all.follow;

/** Return a measure's value in words, or why it has none. */
export function measureText({ value, unit, unmeasured }) {
  if (value === null) return all.past.unmeasured[unmeasured] ?? words.not_yet;
  return unit === "share" ? words.percent(value) : `${Math.round(10 * value) / 10} ${unit}`;
}

/** Return what is opened to read how a measure is counted and what it can't tell. */
export function howCounted(name, { definition, limits }) {
  const summary = h("summary", {}, all.past.how, h("span", { className: "unseen" }, `: ${name}`));
  return h("details", { className: "figure-how" }, summary, h("p", {}, definition), h("p", { className: "hint" }, limits));
}

/** The figures so far: some from the lines of the page, some from the server. */
export class Figures {
  #values = new Map();
  #list = h("dl", { className: "figures" });
  #how = h("dl", { className: "figures-how" });

  constructor() {
    for (const [name, label] of Object.entries(words.measure)) this.#add(name, label, words.measure_how[name]);
    this.element = section(words.measures, { className: "panel" }, this.#list, h("details", { className: "figure-how" }, h("summary", {}, words.how_all), this.#how), h("p", { className: "hint" }, words.measure_hint));
  }

  /** Show runningMeasures(), and the server's measures so far. */
  show({ turns, share, words_per_min, answer_ms, longest_ms, questions }, measures) {
    const told = (value, as) => (value === null ? words.not_yet : as(value));
    this.#put("turns", String(turns));
    this.#put("share", told(share, words.percent));
    this.#put("rate", told(words_per_min, (rate) => String(Math.round(rate))));
    this.#put("answer", told(answer_ms, words.seconds));
    this.#put("longest", told(longest_ms, words.seconds));
    this.#put("questions", String(questions));
    for (const measure of measures) {
      if (!this.#values.has(measure.id)) this.#add(measure.id, all.past.measure_names[measure.id] ?? measure.id, measure);
      this.#put(measure.id, measureText(measure));
    }
  }

  #add(name, label, { definition, limits }) {
    const value = h("dd", {}, words.not_yet);
    this.#values.set(name, value);
    this.#list.append(h("div", {}, h("dt", {}, label), value));
    this.#how.append(h("dt", {}, label), h("dd", {}, definition, " ", h("span", { className: "hint" }, limits)));
  }

  #put(name, text) {
    setText(this.#values.get(name), text);
  }
}
