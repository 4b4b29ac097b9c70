/** Draws words that were heard without confidence: the eye sees a dotted line, the ear hears a remark. */

import { pieces } from "../core/clarity.js";
import { strings } from "../strings.js";
import { h } from "./dom.js";

/** Return an element for one word; `props` as for `h`. */
export function unclearWord(text, { className = "", ...props } = {}) {
  const remark = h("span", { className: "unseen" }, ` (${strings.talk.unclear})`);
  return h("span", { className: `${className} word-unclear`.trim(), title: strings.talk.unclear, ...props }, text, remark);
}

/** Return the nodes of a text of which the words at these indices are not clear. */
export function withUnclear(text, unclear) {
  return unclear.length > 0 ? pieces(text, unclear).map((piece) => (piece.unclear ? unclearWord(piece.text) : piece.text)) : [text];
}
