/** The screen of earlier role-plays: what was practised and when, and the way back to each. */

import { forgetAll } from "../core/journal.js";
import { storageOf } from "../core/storage.js";
import { strings } from "../strings.js";
import { announce } from "../ui/announce.js";
import { ask } from "../ui/dialogs.js";
import { button, h, IN_ENGLISH, section, setText } from "../ui/dom.js";

const words = strings.history;
const when = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "short" });
const PAGE = 20;

/** Return what fetches a page of the role-plays that a browser keeps, in the form of the server's. */
export function pagesOf(journal) {
  return async (after) => {
    const { entries } = journal;
    const from = after ?? 0;
    const next = from + PAGE < entries.length ? from + PAGE : null;
    return { sessions: entries.slice(from, from + PAGE).map((entry) => ({ ...entry, state: "ended", turns: null })), next };
  };
}

/**
 * Return the screen. `kept` is {practice_days, exam_days}; `fetch(after)` resolves to {sessions, next}; `journal` has the
 * scores, and is shown as this browser's where `local`; `on_open(row)`, `on_leave()` and `on_forgotten()` lead away.
 */
export function historyScreen({ kept, fetch, journal, local, on_open, on_leave, on_forgotten }) {
  const list = h("ul", { className: "history" });
  const status = h("p", { className: "hint", attrs: { role: "status" } });
  const more = button(words.more, () => load(), { kind: "secondary", hidden: true });
  const empty = section(words.none_title, { className: "empty", hidden: true }, h("p", {}, words.none), button(words.begin, on_leave, { kind: "primary" }));
  let after = null;
  const load = async () => {
    more.hidden = true;
    setText(status, words.loading);
    try {
      const { sessions, next } = await fetch(after);
      after = next;
      list.append(...sessions.map((row) => entry({ ...row, ...scoreOf(row, journal) }, on_open)));
      empty.hidden = list.childElementCount > 0;
      setText(status, "");
      more.hidden = next === null;
      if (sessions.length > 0) announce(words.count(list.childElementCount));
    } catch {
      setText(status, words.failed);
      setText(more, words.retry);
      more.hidden = false;
    }
  };
  const forget = async () => {
    const chosen = await ask({
      title: words.forget_question,
      body: words.forget_detail,
      choices: [
        { value: "keep", label: words.forget_no, kind: "plain" },
        { value: "forget", label: words.forget_yes, kind: "danger" },
      ],
      on_escape: "keep",
    });
    if (chosen !== "forget") return;
    forgetAll(storageOf("localStorage"), storageOf("sessionStorage"));
    on_forgotten();
    announce(words.forgotten);
  };
  const element = h(
    "div",
    { className: "screen screen-history" },
    h(
      "div",
      { className: "lead" },
      h("h1", { tabIndex: -1 }, words.title),
      h("p", {}, words.lead),
      h("p", { className: "hint" }, words.kept(kept.practice_days, kept.exam_days)),
      local ? h("p", {}, journal.kept ? words.here : words.not_kept) : null,
    ),
    list,
    empty,
    status,
    h("div", { className: "row" }, more, button(words.leave, on_leave, { kind: "secondary" }), button(words.forget, forget, { kind: "quiet" })),
  );
  load();
  return { element, title: words.title };
}

/** What was found out, as the server knows it, or else this browser. */
function scoreOf({ id, cues = null, cues_told = null }, journal) {
  if (cues !== null && cues_told !== null) return { told: cues_told, all: cues };
  const { told = null, all = null } = journal.find(id) ?? {};
  return { told, all };
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
    row.told === null ? null : h("p", { className: "score" }, words.score(row.told, row.all)),
    open
      ? button(words.open, () => on_open(row), { kind: "secondary", attrs: { "aria-label": words.open_one(row.card_title, at) } })
      : h("p", { className: "hint" }, words.states[row.state] ?? ""),
  );
}
