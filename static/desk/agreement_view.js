/** How far the examiners agree, as two tables; for those who look after the examiners. */

import { button, h, section, setText } from "../ui/dom.js";
import { words as all } from "./strings.js";

const words = all.agreement;

/** Return the panel; nothing is asked for before somebody wants it, since the figures are made anew each time. */
export function agreementPanel(api) {
  const status = h("p", { className: "hint", attrs: { role: "status" } });
  const tables = h("div", {});
  const show = async () => {
    setText(status, words.loading);
    try {
      tables.replaceChildren(...agreementTables(await api.agreement()));
      setText(status, "");
    } catch {
      setText(status, words.failed);
    }
  };
  return section(words.title, { className: "panel" }, h("p", { className: "hint" }, words.lead), h("div", { className: "row" }, button(words.show, show, { kind: "secondary" })), status, tables);
}

function agreementTables({ criteria, examiners, wanted, fault }) {
  const by_criterion = criteria.map((row) => [row.criterion, String(row.role_plays), share(row.exact), share(row.adjacent), kappaText(row, wanted)]);
  const by_examiner = examiners.map((row) => [row.examiner, String(row.role_plays), share(row.exact), share(row.adjacent), severityText(row)]);
  return [
    fault && h("p", { className: "hint" }, fault),
    table(words.by_criterion, [words.criterion, words.role_plays, words.exact, words.adjacent, words.kappa], by_criterion),
    examiners.length > 0 && table(words.by_examiner, [words.examiner, words.role_plays, words.exact, words.adjacent, words.severity], by_examiner),
    h("p", { className: "hint" }, words.meaning),
  ].filter(Boolean);
}

/** Return a kappa with its interval, or why there is none. */
export function kappaText({ kappa, kappa_low, kappa_high, kappa_none, role_plays }, wanted) {
  if (kappa === null) return kappa_none === "too_few" ? words.too_few(role_plays, wanted) : words.kappa_none[kappa_none];
  return withInterval(kappa, kappa_low, kappa_high);
}

/** Return how far somebody marks above or below the others, with the interval where there is one. */
export function severityText({ severity, severity_low, severity_high }) {
  return withInterval(severity, severity_low, severity_high, signed);
}

const figure = (value) => value.toFixed(2).replace("-", "\u2212");
const signed = (value) => `${value > 0 ? "+" : ""}${figure(value)}`;
const share = (value) => (value === null ? words.none : `${Math.round(value * 100)} %`);
const withInterval = (value, low, high, text = figure) => (low === null ? text(value) : words.interval(text(value), text(low), text(high)));

function table(caption, columns, rows) {
  const head = h("tr", {}, ...columns.map((name) => h("th", { scope: "col" }, name)));
  const body = rows.map(([name, ...cells]) => h("tr", {}, h("th", { scope: "row" }, name), ...cells.map((cell) => h("td", {}, cell))));
  return h(
    "div",
    { className: "table-scroll", tabIndex: 0, attrs: { role: "region" }, aria: { label: caption } },
    h("table", { className: "marks-table" }, h("caption", {}, caption), h("thead", {}, head), h("tbody", {}, ...body)),
  );
}
