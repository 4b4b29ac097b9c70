/** The candidate's card, laid out as on paper. */

import { strings } from "../strings.js";
import { freshId, h, IN_ENGLISH } from "./dom.js";

/** Return the card as an article; `level` is that of its heading. */
export function cardSheet(card, { level = 2 } = {}) {
  const id = freshId("card");
  return h(
    "article",
    { className: "sheet", aria: { labelledby: id } },
    h("p", { className: "sheet-kind" }, strings.card.heading(card.profession)),
    h(`h${level}`, { id, className: "sheet-title", ...IN_ENGLISH }, card.title),
    cardFacts(card),
    h(`h${level + 1}`, { className: "sheet-tasks-title" }, strings.card.tasks),
    h("ul", { className: "sheet-tasks", ...IN_ENGLISH }, ...card.tasks.map((task) => h("li", {}, task))),
  );
}

/** Return where one is, who one is and what is known before. */
export function cardFacts({ setting, role, background }) {
  const part = (name, content) => [h("dt", {}, name), h("dd", IN_ENGLISH, content)];
  return h(
    "div",
    { className: "sheet-known" },
    h("dl", { className: "sheet-facts" }, ...part(strings.card.setting, setting), ...part(strings.card.role, role)),
    h("p", { className: "sheet-background", ...IN_ENGLISH }, background),
  );
}
