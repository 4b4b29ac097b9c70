/** The candidate's card, laid out as on paper. */

import { strings } from "../strings.js";
import { freshId, h, IN_ENGLISH } from "./dom.js";

/** Return the card as an article; `level` is that of its heading. */
export function cardSheet(card, { level = 2 } = {}) {
  const id = freshId("card");
  const part = (name, content) => [h("dt", {}, name), h("dd", IN_ENGLISH, content)];
  return h(
    "article",
    { className: "sheet", aria: { labelledby: id } },
    h("p", { className: "sheet-kind" }, strings.card.heading(card.profession)),
    h(`h${level}`, { id, className: "sheet-title", ...IN_ENGLISH }, card.title),
    h("dl", { className: "sheet-facts" }, ...part(strings.card.setting, card.setting), ...part(strings.card.role, card.role)),
    h("p", { className: "sheet-background", ...IN_ENGLISH }, card.background),
    h(`h${level + 1}`, { className: "sheet-tasks-title" }, strings.card.tasks),
    h("ul", { className: "sheet-tasks", ...IN_ENGLISH }, ...card.tasks.map((task) => h("li", {}, task))),
  );
}
