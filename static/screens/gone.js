/** The screen of a role-play that is not kept any more. */

import { strings } from "../strings.js";
import { button, h } from "../ui/dom.js";

const words = strings.history;

/** Return the screen; `on_again` tries its card again, null where the card is not known. */
export function goneScreen({ on_again, on_leave }) {
  const element = h(
    "div",
    { className: "screen screen-gone" },
    h("div", { className: "lead" }, h("h1", { tabIndex: -1 }, words.gone_title), h("p", {}, words.gone)),
    h(
      "div",
      { className: "row" },
      on_again ? button(strings.debrief.again, on_again, { kind: "primary" }) : null,
      button(words.leave, on_leave, { kind: on_again ? "secondary" : "primary" }),
    ),
  );
  return { element, title: words.gone_title };
}
