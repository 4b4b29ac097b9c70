/** What is said in a role-play that is followed: changes only the line that changed, and keeps the newest in view. */

import { formatElapsed } from "../core/clock.js";
import { announceLine } from "../ui/announce.js";
import { h, IN_ENGLISH, section, setText } from "../ui/dom.js";
import { words as all } from "./strings.js";

const words = all.follow;
const NEAR_END_PX = 60;

export class SaidView {
  #rows = new Map();

  constructor() {
    this.list = h("ol", { className: "captions-list" });
    this.empty = h("p", { className: "captions-empty" }, words.nothing_said);
    this.box = h(
      "div",
      { className: "captions desk-captions", tabIndex: 0, attrs: { role: "group" }, aria: { label: words.said } },
      this.empty,
      this.list,
    );
    this.element = section(words.said, { className: "captions-panel" }, this.box);
  }

  /** Show lines; `past`: they were said before we came, and are announced no more. */
  show(lines, { past = false } = {}) {
    const follow = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < NEAR_END_PX;
    const visible = lines.filter(({ text }) => text);
    this.empty.hidden = visible.length > 0;
    const kept = new Set(visible.map(({ key }) => key));
    for (const [key, row] of this.#rows) {
      if (kept.has(key)) continue;
      row.element.remove();
      this.#rows.delete(key);
    }
    visible.forEach((line, index) => {
      const row = this.#rows.get(line.key) ?? this.#add(line);
      if (this.list.children[index] !== row.element) this.list.insertBefore(row.element, this.list.children[index] ?? null);
      this.#fill(row, line, past);
    });
    if (follow) this.box.scrollTop = this.box.scrollHeight;
  }

  #fill(row, line, past) {
    const all_words = line.text.split(/\s+/);
    setText(row.settled, line.done ? line.text : all_words.slice(0, line.settled).join(" "));
    setText(row.tentative, line.done ? "" : ` ${all_words.slice(line.settled).join(" ")}`);
    const marks = [line.typed ? words.typed : "", line.interrupted ? words.interrupted : ""].filter(Boolean);
    setText(row.mark, marks.length > 0 ? ` (${marks.join(", ")})` : "");
    setText(row.intent, line.intent ? words.intent(intentOf(line.intent)) : "");
    row.intent.hidden = !line.intent;
    setText(row.cues, line.cues.join(", "));
    row.cues.hidden = line.cues.length === 0;
    if (line.done && !row.told) {
      row.told = true;
      if (!past) announceLine(`${words.who[line.role]}: ${line.text}`);
    }
  }

  #add(line) {
    const row = {
      settled: h("span", IN_ENGLISH),
      tentative: h("span", { className: "caption-tentative", ...IN_ENGLISH }),
      mark: h("span", { className: "caption-mark" }),
      intent: h("p", { className: "hint line-intent" }),
      cues: h("p", { className: "turn-cue" }),
      told: false,
    };
    row.element = h(
      "li",
      { className: `caption caption-${line.role}` },
      h(
        "span",
        { className: "caption-who" },
        words.who[line.role],
        h("span", { className: "caption-time" }, formatElapsed(line.at_ms)),
      ),
      h("p", { className: "caption-text" }, row.settled, row.tentative, row.mark),
      row.intent,
      row.cues,
    );
    this.#rows.set(line.key, row);
    return row;
  }
}

/** Return in words what a line was taken for. */
export function intentOf({ act, topic, subject }) {
  const what = words.acts[act] ?? act.replaceAll("_", " ");
  const about = topic ?? subject;
  return about ? `${what}, ${about}` : what;
}
