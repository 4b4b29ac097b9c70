/** Role-plays that wait for marks: for whose, and since when; and what whoever looks after the examiners can do. */

import { ask } from "../ui/dialogs.js";
import { announce } from "../ui/announce.js";
import { button, freshId, h, section, setText } from "../ui/dom.js";
import { words as all } from "./strings.js";

const words = all.waiting;

/** Return the panel; `on_review(id)` opens a role-play. It stays hidden while nothing waits. */
export function waitingPanel({ api, on_review }) {
  const list = h("ul", { className: "live-list" });
  const status = h("p", { className: "hint", attrs: { role: "status" } });
  const panel = section(words.title, { className: "panel", hidden: true }, h("p", { className: "hint" }, words.lead), list, status);
  const load = async () => {
    try {
      const { waiting, may_settle } = await api.waiting();
      panel.hidden = waiting.length === 0 && !status.textContent;
      list.replaceChildren(...waiting.map((one) => waitingRow(one, { may_settle, api, on_review, done })));
    } catch (problem) {
      panel.hidden = problem.status === 403;
      setText(status, words.failed);
    }
  };
  const done = async (text) => {
    setText(status, text);
    announce(text);
    await load();
  };
  load();
  return panel;
}

function waitingRow(one, { may_settle, api, on_review, done }) {
  const since = new Date(one.since_ms).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
  const for_whom = one.missing.length > 0 ? words.missing(one.missing.join(", ")) : may_settle ? words.nobody : "";
  return h(
    "li",
    { className: "live-row" },
    h("h3", {}, one.card_title),
    h("p", {}, one.candidate ?? all.list.unknown),
    h("p", { className: "hint" }, [words.states[one.state], words.signed(one.signed, one.wanted), words.since(since)].join(", ")),
    for_whom && h("p", {}, for_whom),
    h(
      "div",
      { className: "row" },
      button(words.open, () => on_review(one.session), { kind: "secondary", aria: { label: all.list.review(`${one.card_title}, ${since}`) } }),
      may_settle && button(words.assign, () => assign(one, api, done), { kind: "secondary" }),
      may_settle && one.state === "waiting" && one.signed > 0 && button(words.close(one.signed), () => close(one, api, done), { kind: "secondary" }),
    ),
  );
}

async function assign({ session }, api, done) {
  const login = await askFor({ title: words.assign_title, detail: words.assign_detail, label: words.login, yes: words.assign_yes });
  if (login) await attempt(() => api.addExaminer(session, login), words.assigned, done);
}

async function close({ session, signed }, api, done) {
  const reason = await askFor({ title: words.close_title(signed), detail: words.close_detail, label: words.reason, yes: words.close_yes });
  if (reason) await attempt(() => api.closeMarking(session, reason), words.closed, done);
}

async function attempt(does, text, done) {
  try {
    await does();
    await done(text);
  } catch (problem) {
    await done(problem.detail || words.failed);
  }
}

/** Ask for a line of text; resolve to it, or to "". */
async function askFor({ title, detail, label, yes }) {
  const field = h("input", {
    id: freshId("asked"),
    maxLength: 2000,
    autocomplete: "off",
    on: { keydown: (event) => event.key === "Enter" && field.closest("dialog").querySelector(".button-primary").click() },
  });
  const choices = [
    { value: "yes", label: yes, kind: "primary" },
    { value: "no", label: words.cancel, kind: "plain" },
  ];
  const extra = [h("label", { className: "asked-label", htmlFor: field.id }, label), field];
  const chosen = ask({ title, body: detail, choices, on_escape: "no", extra });
  field.focus();
  return (await chosen) === "yes" ? field.value.trim() : "";
}
