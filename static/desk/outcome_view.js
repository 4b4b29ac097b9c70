/** What comes of all sheets of a role-play: the marks side by side, and below them all that each examiner has signed. */

import { formatElapsed } from "../core/clock.js";
import { button, h, IN_ENGLISH } from "../ui/dom.js";
import { words as all } from "./strings.js";

const words = all.marking;

/** Return a button that plays a stretch of evidence, and what is said there. */
export function stretchOfEvidence({ from_ms, to_ms, text }, listener) {
  const time = `${formatElapsed(from_ms)} - ${formatElapsed(to_ms)}`;
  return [
    button(time, () => listener.play(from_ms, { until_ms: to_ms }), { kind: "time", aria: { label: all.past.play_from(time) } }),
    h("span", { className: "evidence-text", ...IN_ENGLISH }, text),
  ];
}

/** Return the elements that show an outcome {state, sheets, differs, decided} of these criteria; `listener` plays. */
export function outcomeParts({ outcome, criteria, listener }) {
  const differs = new Set(outcome.differs);
  const heads = outcome.sheets.map((sheet) => h("th", { scope: "col" }, nameOf(sheet)));
  const head = h("tr", {}, h("th", { scope: "col" }, words.criterion), ...heads, h("th", { scope: "col" }, words.decided));
  const rows = criteria.map(({ id, name, most }) =>
    h(
      "tr",
      { data: { differs: String(differs.has(id)) } },
      h("th", { scope: "row" }, `${name} (0-${most})`, differs.has(id) ? h("span", { className: "differs" }, ` ${words.differs}`) : null),
      ...outcome.sheets.map(({ sheet }) => h("td", {}, String(sheet.marks[id].mark))),
      h("td", {}, outcome.decided[id] === undefined ? all.follow.not_yet : String(outcome.decided[id])),
    ),
  );
  const table = h("table", { className: "marks-table" }, h("caption", { className: "unseen" }, words.outcome), h("thead", {}, head), h("tbody", {}, ...rows));
  return [
    h("h3", {}, words.outcome),
    h("p", {}, words.states[outcome.state], outcome.closed ? ` ${words.closed}` : ""),
    h("div", { className: "table-scroll", tabIndex: 0, attrs: { role: "region" }, aria: { label: words.outcome } }, table),
    h("h3", {}, words.in_full),
    ...criteria.map((criterion) => inFull(criterion, outcome.sheets, { listener, open: differs.has(criterion.id) })),
    whole(outcome.sheets),
  ].filter(Boolean);
}

const nameOf = ({ examiner, adjudicates }) => (adjudicates ? `${examiner} (${words.decides})` : examiner);

function inFull({ id, name, indicators }, sheets, { listener, open }) {
  const texts = new Map(indicators.map((one) => [one.id, one.text]));
  const given = sheets.map((one) => {
    const { mark, note, indicators: ticked, evidence } = one.sheet.marks[id];
    return h(
      "div",
      { className: "given" },
      h("p", {}, h("strong", {}, `${nameOf(one)}: ${mark}`)),
      ticked.length > 0 && h("ul", { className: "given-indicators" }, ...ticked.map((each) => h("li", {}, `${each}: ${texts.get(each)}`))),
      note && h("p", { className: "given-note", dir: "auto" }, note),
      evidence.length > 0 && h("ul", { className: "evidence-list" }, ...evidence.map((stretch) => h("li", {}, ...stretchOfEvidence(stretch, listener)))),
      !note && ticked.length + evidence.length === 0 && h("p", { className: "hint" }, words.mark_alone),
    );
  });
  const marks = sheets.map(({ sheet }) => sheet.marks[id].mark).join(", ");
  return h("details", { className: "in-full", open }, h("summary", {}, `${name}: ${marks}`), ...given);
}

function whole(sheets) {
  const given = sheets.flatMap((one) => {
    const { comment, for_candidate } = one.sheet;
    return [
      comment && h("div", { className: "given" }, h("p", {}, h("strong", {}, nameOf(one))), h("p", { className: "given-note", dir: "auto" }, comment)),
      for_candidate && h("div", { className: "given" }, h("p", {}, h("strong", {}, words.told_candidate(nameOf(one)))), h("p", { className: "given-note", dir: "auto" }, for_candidate)),
    ];
  });
  const said = given.filter(Boolean);
  return said.length > 0 && h("details", { className: "in-full", open: true }, h("summary", {}, words.whole), ...said);
}
