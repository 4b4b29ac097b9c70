/** The card during a role-play: its tasks first, to be ticked; beside the conversation, or on a phone a sheet from below. */

import { strings } from "../strings.js";
import { cardFacts } from "../ui/card.js";
import { button, freshId, h, IN_ENGLISH } from "../ui/dom.js";
import { taskList } from "../ui/task_list.js";
import { notesField } from "./prepare.js";

const words = strings.talk;

/** Return {element, toggle}: the card with its notes, and the button that shows it where there is no room for both. */
export function talkCard(card, notes) {
  const id = freshId("card");
  const element = h(
    "section",
    { id, className: "talk-card", tabIndex: 0, data: { open: "true" }, aria: { label: words.card_label } },
    h("h2", { className: "talk-card-title", ...IN_ENGLISH }, card.title),
    h("h2", { className: "sheet-tasks-title" }, strings.card.tasks),
    taskList(card, notes),
    h(
      "details",
      { className: "talk-card-rest" },
      h("summary", {}, words.card_rest),
      cardFacts(card),
    ),
    h("h2", { className: "sheet-tasks-title" }, strings.prepare.notes),
    notesField(notes),
  );
  const toggle = button(
    words.card,
    () => {
      const open = element.dataset.open !== "true";
      element.dataset.open = String(open);
      toggle.setAttribute("aria-expanded", String(open));
    },
    { kind: "control", aria: { expanded: "true", controls: id } },
  );
  toggle.classList.add("button-card");
  return { element, toggle };
}
