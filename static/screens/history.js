/** The screen of earlier role-plays: what was practised and when, and the way back to each. */

import { strings } from "../strings.js";
import { announce } from "../ui/announce.js";
import { button, h, IN_ENGLISH, setText } from "../ui/dom.js";

const words = strings.history;
const when = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "short" });

/** Return the screen. `kept` is {practice_days, exam_days}; `fetch(after)` resolves to {sessions, next}; `on_open(row)` and `on_leave()` lead away. */
export function historyScreen({ kept, fetch, on_open, on_leave }) {
  const list = h("ul", { className: "history" });
  const status = h("p", { className: "hint", attrs: { role: "status" } });
  const more = button(words.more, () => load(), { kind: "secondary", hidden: true });
  let after = null;
  const load = async () => {
    more.hidden = true;
    setText(status, words.loading);
    try {
      const { sessions, next } = await fetch(after);
      after = next;
      list.append(...sessions.map((row) => entry(row, on_open)));
      setText(status, list.childElementCount === 0 ? words.none : "");
      more.hidden = next === null;
      if (sessions.length > 0) announce(words.count(list.childElementCount));
    } catch {
      setText(status, words.failed);
      setText(more, words.retry);
      more.hidden = false;
    }
  };
  const element = h(
    "div",
    { className: "screen screen-history" },
    h("div", { className: "lead" }, h("h1", { tabIndex: -1 }, words.title), h("p", {}, words.lead), h("p", { className: "hint" }, words.kept(kept.practice_days, kept.exam_days))),
    list,
    status,
    h("div", { className: "row" }, more, button(words.leave, on_leave, { kind: "primary" })),
  );
  load();
  return { element, title: words.title };
}

function entry(row, on_open) {
  const at = when.format(new Date(row.began_ms));
  const facts = [strings.modes[row.mode]?.name ?? row.mode, at, row.turns === null ? null : words.turns(row.turns)];
  const open = row.state === "ended";
  return h(
    "li",
    { className: "panel history-entry" },
    h("h2", IN_ENGLISH, row.card_title),
    h("p", { className: "hint" }, facts.filter(Boolean).join(" · ")),
    open
      ? button(words.open, () => on_open(row), { kind: "secondary", attrs: { "aria-label": words.open_one(row.card_title, at) } })
      : h("p", { className: "hint" }, words.states[row.state] ?? ""),
  );
}
