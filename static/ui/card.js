/** The candidate's card, laid out as on paper. */

import { strings } from "../strings.js";
import { freshId, h } from "./dom.js";

/** Return the card as an article; `level` is that of its heading. */
export function cardSheet(card, { level = 2 } = {}) {
  const id = freshId("card");
  const part = (name, content) => [h("dt", {}, name), h("dd", {}, content)];
  return h(
    "article",
    { className: "sheet", aria: { labelledby: id } },
    h("p", { className: "sheet-kind" }, strings.card.heading(card.profession)),
    h(`h${level}`, { id, className: "sheet-title" }, card.title),
    h("dl", { className: "sheet-facts" }, ...part(strings.card.setting, card.setting), ...part(strings.card.role, card.role)),
    h("p", { className: "sheet-background" }, card.background),
    h(`h${level + 1}`, { className: "sheet-tasks-title" }, strings.card.tasks),
    h("ul", { className: "sheet-tasks" }, ...card.tasks.map((task) => h("li", {}, task))),
  );
}
