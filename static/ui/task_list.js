/** The tasks of a card, to be ticked off while one speaks. */

import { splitTask } from "../core/cards.js";
import { h, IN_ENGLISH } from "./dom.js";

/** Return the list; `notes.done` are the places of the tasks that are ticked, and is set anew with each tick. */
export function taskList(card, notes) {
  const item = (task, place) => {
    const [aim, example] = splitTask(task);
    const box = h("input", { type: "checkbox", checked: notes.done.includes(place) });
    box.addEventListener("change", () => {
      notes.done = box.checked ? [...notes.done, place] : notes.done.filter((other) => other !== place);
    });
    const more = example ? h("span", { className: "talk-task-example" }, ` ${example}`) : null;
    return h("li", {}, h("label", { className: "talk-task" }, box, h("span", IN_ENGLISH, aim, more)));
  };
  return h("ul", { className: "talk-tasks" }, ...card.tasks.map(item));
}
