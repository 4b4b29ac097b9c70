/** The report on a role-play that its candidate may read, as a page to print. The address names the role-play. */

import { at } from "../core/base_path.js";
import { formatElapsed } from "../core/clock.js";
import { fetchMe } from "../net/account_api.js";
import { button, h, IN_ENGLISH, section, setText } from "../ui/dom.js";
import { save } from "../ui/saving.js";
import { DeskApi } from "./desk_api.js";
import { words as all } from "./strings.js";

const words = all.report;
const api = new DeskApi();
const main = document.getElementById("main");
const status = h("p", { attrs: { role: "status" } });

async function begin() {
  main.replaceChildren(h("div", { className: "screen" }, h("h1", {}, words.title), status));
  const [id] = /[\w-]+/.exec(location.hash) ?? [];
  if (!id) return setText(status, words.no_role_play);
  setText(status, words.loading);
  const person = (await fetchMe().catch(() => null))?.person ?? null;
  const examines = api.key !== "" || ["examiner", "developer"].includes(person?.role);
  try {
    main.replaceChildren(page(await api.report(id), { id, examines }));
  } catch (problem) {
    setText(status, problem.detail || words.failed);
  }
}

function page(report, { id, examines }) {
  return h(
    "article",
    { className: "screen report" },
    h(
      "div",
      { className: "lead" },
      examines ? h("a", { className: "report-back", href: at(`/desk#past/${id}`) }, words.back) : null,
      h("h1", { tabIndex: -1 }, words.title),
      h("p", { className: "report-estimate" }, report.notes[0]),
    ),
    facts(report),
    ...["linguistic", "clinical"].map((kind) => marks(report.criteria.filter((one) => one.kind === kind), words.kinds[kind])),
    report.comments.length > 0 &&
      section(words.comments, { className: "panel" }, ...report.comments.map((text) => h("p", { className: "report-comment", dir: "auto" }, text))),
    section(words.notes, { className: "panel report-notes" }, ...report.notes.map((text) => h("p", {}, text))),
    h(
      "div",
      { className: "row" },
      button(words.print, () => window.print(), { kind: "primary" }),
      button(words.table, async () => save(await api.reportTable(id)), { kind: "secondary" }),
    ),
  );
}

function facts({ candidate, exam, began_ms, card, session, decided }) {
  const when = new Date(began_ms).toLocaleDateString("en-GB", { dateStyle: "long" });
  const rows = [
    [words.candidate, candidate ?? words.nameless],
    exam && [words.exam, exam],
    [words.date, when],
    [words.card, card.title],
    [words.profession, card.profession],
    [words.session, session],
    [words.how, words.decided[decided]],
  ];
  return h("dl", { className: "panel report-facts" }, ...rows.filter(Boolean).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

const marks = (criteria, title) => section(title, { className: "panel" }, ...criteria.map(mark));

function mark({ name, most, mark: value, words: meaning, evidence }) {
  return h(
    "div",
    { className: "report-mark" },
    h("h3", {}, name),
    h("p", { className: "report-value" }, h("strong", {}, words.mark(value, most)), h("span", {}, meaning)),
    evidence.length > 0 && h("p", { className: "hint" }, words.evidence),
    evidence.length > 0 && h("ul", { className: "report-evidence" }, ...evidence.map(stretch)),
  );
}

function stretch({ from_ms, to_ms, said }) {
  const lines = said.map(({ role, text }) => h("p", {}, h("span", { className: "report-who" }, `${words.who[role]}: `), h("q", IN_ENGLISH, text)));
  return h(
    "li",
    {},
    h("span", { className: "report-time" }, words.seconds(formatElapsed(from_ms), formatElapsed(to_ms))),
    h("div", {}, ...(lines.length > 0 ? lines : [h("p", { className: "hint" }, words.nothing_said)])),
  );
}

window.addEventListener("hashchange", begin);
begin();
