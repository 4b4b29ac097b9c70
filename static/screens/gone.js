/** The screen of a role-play that can't be opened. */

import { strings } from "../strings.js";
import { button, h } from "../ui/dom.js";

const words = strings.history;

/**
 * Return the screen; `why` is "gone" (not kept any more), "refused" (somebody else's) or "logged_out" (of another browser, or
 * gone); `on_again` tries its card again, null where the card is not known.
 */
export function goneScreen({ why, on_again, on_leave }) {
  const { title, body } = words.not_opened[why];
  const element = h(
    "div",
    { className: "screen screen-gone" },
    h("div", { className: "lead" }, h("h1", { tabIndex: -1 }, title), h("p", {}, body)),
    h(
      "div",
      { className: "row" },
      on_again ? button(strings.debrief.again, on_again, { kind: "primary" }) : null,
      button(words.leave, on_leave, { kind: on_again ? "secondary" : "primary" }),
    ),
  );
  return { element, title };
}
