/** Shows captions, changing only the line that changed, and keeps the newest in view unless the person scrolled up. */

import { spokenText } from "../core/clarity.js";
import { strings } from "../strings.js";
import { announceLine } from "./announce.js";
import { h, IN_ENGLISH, setText } from "./dom.js";
import { withUnclear } from "./unclear_word.js";

const NEAR_END_PX = 60;

export class CaptionView {
  constructor() {
    this.aloud = false; // finished lines are announced
    this.rows = new Map();
    this.list = h("ol", { className: "captions-list" });
    this.empty = h("p", { className: "captions-empty" }, strings.talk.captions_empty);
    // Not a live region itself: provisional words change several times a second. Finished lines are announced.
    this.element = h(
      "div",
      { className: "captions", tabIndex: 0, attrs: { role: "group" }, aria: { label: strings.talk.captions } },
      this.empty,
      this.list,
    );
  }

  /** Show `lines` (all that are visible); `past`: they were said before, and are announced no more. */
  show(lines, { past = false } = {}) {
    const box = this.element;
    const follow = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END_PX;
    this.empty.hidden = lines.length > 0;
    const kept = new Set(lines.map((line) => line.item_id));
    for (const [item_id, row] of this.rows) {
      if (kept.has(item_id)) continue;
      row.element.remove();
      this.rows.delete(item_id);
    }
    lines.forEach((line, index) => {
      const row = this.rows.get(line.item_id) ?? this.#add(line);
      if (this.list.children[index] !== row.element) this.list.insertBefore(row.element, this.list.children[index] ?? null);
      if (line.unclear.length === 0) setText(row.stable, line.stable);
      else if (!row.told) row.stable.replaceChildren(...withUnclear(line.stable, line.unclear));
      setText(row.tentative, line.tentative ? ` ${line.tentative}` : "");
      row.mark.hidden = !line.interrupted;
      if (line.done && !row.told && line.stable) {
        row.told = true;
        if (this.aloud && !this.element.hidden && !past) {
          announceLine(strings.talk.said(speaker(line.role), spokenText(line.stable, line.unclear, strings.talk.unclear)));
        }
      }
    });
    if (follow) box.scrollTop = box.scrollHeight;
  }

  #add(line) {
    const stable = h("span", { className: "caption-stable", ...IN_ENGLISH });
    const tentative = h("span", { className: "caption-tentative", ...IN_ENGLISH });
    const mark = h("span", { className: "caption-mark", hidden: true }, ` (${strings.talk.interrupted})`);
    const element = h(
      "li",
      { className: `caption caption-${line.role}` },
      h("span", { className: "caption-who" }, speaker(line.role)),
      h("p", { className: "caption-text" }, stable, tentative, mark),
    );
    const row = { element, stable, tentative, mark, told: false };
    this.rows.set(line.item_id, row);
    return row;
  }
}

/** Return what a side of the conversation is called. */
export function speaker(role) {
  return role === "candidate" ? strings.talk.you : strings.talk.patient;
}
