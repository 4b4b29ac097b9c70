/** The interlocutor's card as the role-play goes: both sides, and which cues were told. */

import { formatElapsed } from "../core/clock.js";
import { h, IN_ENGLISH, section, setText } from "../ui/dom.js";
import { words as all } from "./strings.js";

const words = all.follow;

export class CardView {
  #rows = new Map();

  constructor(card) {
    const { patient, candidate } = card;
    this.cues = h("ol", { className: "cue-list" });
    this.element = section(
      words.card,
      { className: "panel panel-card" },
      h("p", { ...IN_ENGLISH }, h("strong", {}, card.title), `. ${card.setting}`),
      h("h3", {}, words.cues),
      this.cues,
      h(
        "details",
        {},
        h("summary", {}, words.patient_side),
        h("p", IN_ENGLISH, words.persona(patient.name, patient.age)),
        h("p", IN_ENGLISH, patient.history),
        h("p", IN_ENGLISH, patient.persona),
        h("p", IN_ENGLISH, `${words.mood}: ${patient.mood}`),
      ),
      h(
        "details",
        {},
        h("summary", {}, words.candidate_side),
        h("p", IN_ENGLISH, candidate.role),
        h("p", IN_ENGLISH, candidate.background),
        h("ul", IN_ENGLISH, ...candidate.tasks.map((task) => h("li", {}, task))),
      ),
    );
  }

  /** Show where the cues are. */
  show(cues) {
    for (const cue of cues) {
      const row = this.#rows.get(cue.id) ?? this.#add(cue);
      row.element.dataset.state = cue.state;
      const told = cue.state === "told" ? words.cue_at(formatElapsed(cue.at_ms)) : words.cue_states[cue.state];
      setText(row.state, told);
    }
  }

  #add(cue) {
    const state = h("span", { className: "cue-state" });
    const element = h(
      "li",
      { className: "cue" },
      h("p", { className: "cue-head" }, h("strong", IN_ENGLISH, cue.topic), " ", state),
      h("p", { className: "hint", ...IN_ENGLISH }, `${words.cue_kinds[cue.kind]}: ${cue.says[0]}`),
    );
    this.cues.append(element);
    const row = { element, state };
    this.#rows.set(cue.id, row);
    return row;
  }
}
