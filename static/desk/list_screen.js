/** All role-plays that go on, at a glance, and those that are over. */

import { formatClock } from "../core/clock.js";
import { button, h, section, setText } from "../ui/dom.js";
import { agreementPanel } from "./agreement_view.js";
import { words as all } from "./strings.js";
import { waitingPanel } from "./waiting_view.js";

const words = all.list;
const ASK_EVERY_MS = 2000;
const GONE = new Set(["erasing", "erased"]);

/** Return the screen of the list; `on_follow(id)` and `on_review(id)` open a role-play. `agreement`: whether to offer that. */
export function listScreen({ api, agreement, on_follow, on_review }) {
  const rows = new Map();
  const live = h("ul", { className: "live-list" });
  const none = h("p", { className: "hint" }, words.none);
  const status = h("p", { className: "hint", attrs: { role: "status" } });
  const past = h("ul", { className: "live-list" });
  const past_none = h("p", { className: "hint", hidden: true }, words.past_none);
  const more = button(words.more, () => showPast(more.dataset.after).catch(() => setText(status, words.failed)), { kind: "secondary", hidden: true });
  let timer = 0;
  let closed = false;
  let past_known = false;

  const show = (sessions) => {
    const there = new Set(sessions.map(({ id }) => id));
    for (const [id, row] of rows) {
      if (there.has(id)) continue;
      row.element.remove();
      rows.delete(id);
    }
    for (const session of sessions) {
      const row = rows.get(session.id) ?? addRow(session);
      row.show(session);
    }
    none.hidden = sessions.length > 0;
  };
  const addRow = (session) => {
    const row = liveRow(session, () => on_follow(session.id));
    rows.set(session.id, row);
    live.append(row.element);
    return row;
  };
  const ask = async () => {
    // Nobody looks: the list can wait, and so can the end of an idle log-in.
    if (!document.hidden) {
      try {
        const { sessions, silent_servers } = await api.live();
        show(sessions);
        if (!past_known) await showPast();
        setText(status, silent_servers.length ? words.silent(silent_servers.length) : "");
      } catch {
        setText(status, words.failed);
      }
    }
    if (!closed) timer = setTimeout(ask, ASK_EVERY_MS);
  };
  const showPast = async (after = null) => {
    const { sessions, next } = await api.past(after);
    past_known = true;
    // What is live is above, and comes here when it is over.
    const over = sessions.filter(({ id, state }) => state !== "running" || !rows.has(id));
    past.append(...over.map((session) => pastRow(session, () => on_review(session.id))));
    more.hidden = next === null;
    more.dataset.after = next ?? "";
    past_none.hidden = past.childElementCount > 0;
  };
  ask();

  const element = h(
    "div",
    { className: "screen" },
    h("div", { className: "lead" }, h("h1", { tabIndex: -1 }, all.title), h("p", {}, words.lead)),
    section(words.live, { className: "panel" }, none, live, status),
    waitingPanel({ api, on_review }),
    section(words.past, { className: "panel" }, past_none, past, more),
    agreement && agreementPanel(api),
  );
  return {
    element,
    title: all.title,
    close: () => {
      closed = true;
      clearTimeout(timer);
    },
  };
}

const nameOf = ({ person }) => person?.name ?? words.unknown;

function liveRow(session, on_follow) {
  const about = h("p", { className: "hint" });
  const speaking = h("p", { className: "follow-speaking" });
  const last = h("p", { className: "live-last", lang: "en" });
  const marks = h("ul", { className: "mark-list" });
  const element = h(
    "li",
    { className: "live-row" },
    h("h3", {}, session.card.title),
    h("p", {}, `${nameOf(session)}, ${words.modes[session.mode]}`),
    about,
    speaking,
    last,
    marks,
    button(words.follow_short, on_follow, { kind: "primary", aria: { label: words.follow(session.card.title) } }),
  );
  const show = (now) => {
    const clock = now.left_ms === null ? "" : words.left(formatClock(now.left_ms));
    const cues = words.cues(now.cues_told, now.cues);
    const facts = now.phase === "preparing" ? [] : [clock, words.turns(now.turns), cues];
    const observers = now.following > 0 ? words.following(now.following) : "";
    setText(about, [words.phases[now.phase], ...facts, observers].filter(Boolean).join(", "));
    setText(speaking, now.phase === "talking" ? (now.speaking ? words.speaking[now.speaking] : words.silent) : "");
    speaking.dataset.who = now.speaking ?? "";
    setText(last, now.last ? `${words.last[now.last.role]}: ${now.last.text}` : "");
    const told = [
      ...(now.away ? [["problem", words.away]] : []),
      ...(now.distress.length > 0 ? [["distress", words.distress]] : []),
      ...now.sound.map((kind) => ["sound", words.sound[kind] ?? kind]),
      ...(now.problems.length > 0 ? [["problem", words.problems(now.problems.length)]] : []),
    ];
    const text = told.map(([, name]) => name).join("\n");
    if (marks.dataset.told === text) return;
    marks.dataset.told = text;
    marks.hidden = told.length === 0;
    marks.replaceChildren(...told.map(([kind, name]) => h("li", { className: `mark mark-${kind}` }, name)));
  };
  return { element, show };
}

function pastRow(session, on_review) {
  const marks = [words.past_states[session.state], session.void ? words.past_states.void : null].filter(Boolean);
  const when = new Date(session.began_ms).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
  return h(
    "li",
    { className: "live-row" },
    h("h3", {}, session.card_title),
    h("p", {}, `${nameOf(session)}, ${words.modes[session.mode] ?? session.mode}`),
    marks.length > 0 ? h("ul", { className: "mark-list" }, ...marks.map((mark) => h("li", { className: "mark" }, mark))) : null,
    h("p", { className: "hint" }, [words.began(when), session.turns === null ? "" : words.turns(session.turns)].filter(Boolean).join(", ")),
    GONE.has(session.state) ? null : button(words.review_short, on_review, { kind: "secondary", aria: { label: words.review(`${session.card_title}, ${when}`) } }),
  );
}
