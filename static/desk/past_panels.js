/** What is shown beside a role-play that is over: its cues, its measures, and what is to be known of its record. */

import { h, IN_ENGLISH, section } from "../ui/dom.js";
import { howCounted, measureText } from "./figures_view.js";
import { words as all } from "./strings.js";

const words = all.past;
const MOST_PLACES = 5; // of a measure's evidence

/** Return what is told of a record ([kind, detail] of recordState) as a list; null where there is nothing. */
export function standingList(tell) {
  const text = ([kind, detail]) => (kind === "gap" ? (words.gaps[detail] ?? detail) : kind === "void" ? words.void(detail) : words[kind]);
  return tell.length === 0 ? null : h("ul", { className: "mark-list" }, ...tell.map((one) => h("li", { className: "mark" }, text(one))));
}

/** Return the panel of a record's cues; `place(at_ms)` is a button that plays from there. */
export function cueLog(record, turns, place) {
  const told = new Map();
  for (const turn of turns) for (const topic of turn.cues ?? []) if (!told.has(topic)) told.set(topic, turn.from_ms);
  const rows = (record.cues ?? []).map(({ topic, told: was }) =>
    h(
      "li",
      { className: "cue", data: { state: was ? "told" : "missed" } },
      h("p", { className: "cue-head" }, h("strong", IN_ENGLISH, topic), " ", told.has(topic) ? place(told.get(topic)) : h("span", { className: "cue-state" }, words.untold)),
    ),
  );
  return section(words.cue_log, { className: "panel" }, h("ol", { className: "cue-list" }, ...rows));
}

/** Return the panel of its measures. */
export function measuresPanel({ measures }, place) {
  const rows = measures.map((measure) => {
    const name = words.measure_names[measure.id] ?? measure.id;
    const places = measure.evidence.filter(({ from_ms, to_ms }) => to_ms > from_ms).slice(0, MOST_PLACES).map(({ from_ms }) => place(from_ms));
    return h("div", {}, h("dt", {}, name), h("dd", {}, measureText(measure), " ", ...places), h("dd", { className: "figure-more" }, howCounted(name, measure)));
  });
  return section(words.measures, { className: "panel" }, h("dl", { className: "figures" }, ...rows), h("p", { className: "hint" }, words.measures_hint));
}
