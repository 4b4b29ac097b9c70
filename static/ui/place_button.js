/** A button that says when something was said, and plays it from there. */

import { formatElapsed } from "../core/clock.js";
import { strings } from "../strings.js";
import { button } from "./dom.js";

/** Return the button for a place {from_ms, to_ms}; `on_play(from_ms, to_ms)` is called from the click. */
export function placeButton({ from_ms, to_ms }, on_play, what = "") {
  const time = formatElapsed(from_ms);
  const label = strings.coach.at(time) + (what ? `: ${what}` : "");
  return button(time, () => on_play(from_ms, to_ms), { kind: "place", attrs: { "aria-label": label } });
}
