/**
 * Speaks to screen readers, without moving focus.
 *
 * Two polite regions live in the page from the start (regions added later are not reliably watched): one for states and
 * notices, one for finished lines of the captions.
 */

import { setText } from "./dom.js";

/** Say something about where things stand. */
export function announce(text) {
  setText(document.getElementById("announce-state"), text);
}

/** Say a finished line of the conversation. */
export function announceLine(text) {
  const region = document.getElementById("announce-lines");
  const line = document.createElement("p");
  line.textContent = text;
  region.append(line);
  while (region.childElementCount > 3) region.firstElementChild.remove(); // spoken long ago
}

/** Forget what was said: a new screen begins. */
export function hush() {
  setText(document.getElementById("announce-state"), "");
  document.getElementById("announce-lines").replaceChildren();
}
