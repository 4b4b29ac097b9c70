/** A replay's report as a page of its own: `interlocutor replay --html` puts the report and these files into one. */

import { base64ToBytes } from "../core/base64.js";
import { strings } from "../strings.js";
import { h, section } from "../ui/dom.js";
import { Chart, COLOURS } from "./chart.js";
import { comparisonTable } from "./comparison_table.js";
import { facts, figures, meanParts } from "./report_view.js";
import { bothVoices } from "./timeline.js";
import { picture } from "./turn_picture.js";
import { inWords } from "./turn_rows.js";
import { partsKey, turnTable } from "./turn_table.js";
import { measuredWaits } from "./two_voices.js";
import { why } from "./turn_wait.js";

const words = strings.lab.report;
const report = JSON.parse(document.getElementById("report").textContent);
const { about, comparison, troubles, turns } = report;
const title = words.title(about.recordings ?? []);
const repeats = report.runs?.length ?? 1;

const panel = (name, ...children) => section(name, { className: "panel lab-panel" }, ...children);
const quiet = (text) => h("p", { className: "hint" }, text);

/** Return this replay and its baseline as the chart takes them. */
function compared() {
  const now = { name: words.now, distribution: report.distribution };
  const { baseline_distribution } = report;
  return baseline_distribution ? [now, { name: words.before, distribution: baseline_distribution }] : [now];
}

function spread(chart) {
  const runs = compared();
  const item = ({ name }, index) => {
    const patch = h("span", { className: "lab-patch", aria: { hidden: "true" } });
    patch.style.background = `var(${COLOURS[index]})`;
    return h("li", {}, patch, name);
  };
  const answered = runs.some(({ distribution }) => distribution.times_ms.length > 0);
  return [chart.element, answered ? h("ul", { className: "lab-key" }, ...runs.map(item)) : h("p", {}, words.no_answers)];
}

function turnByTurn() {
  const below = (turn) => [...why(turn), ...(turn.view ? [picture(turn), quiet(inWords(turn))] : [])];
  return [
    quiet(words.shown(repeats)),
    about.untold?.length > 0 ? quiet(words.untold(about.untold)) : null,
    partsKey(),
    turnTable(turns, words.table, { below }),
    report.topics_told?.length > 0 ? h("p", {}, strings.lab.runs.told(report.topics_told)) : null,
  ];
}

/** Return both voices of the run that is shown, with their sound, which is in the page. */
function wholeTalk({ turns: said, drafts, length_ms, sound }) {
  return bothVoices({
    recording: { state: "ready" },
    shown: { turns: said, drafts, length_ms, waits: measuredWaits(turns) },
    fetch_sound: async () => new Blob([base64ToBytes(sound)], { type: "audio/ogg" }),
  }).elements;
}

function page(chart) {
  const lead = h("div", { className: "lab-lead" }, h("h1", {}, title), quiet(words.subtitle({ ...about, repeats, turns: turns.length })));
  return [
    lead,
    figures(report.summary),
    report.mean_parts_ms ? panel(words.parts, ...meanParts(report.mean_parts_ms)) : null,
    panel(strings.lab.runs.distribution, ...spread(chart)),
    comparison ? panel(words.against, ...comparisonTable(comparison)) : null,
    troubles.length > 0
      ? panel(words.troubles, h("ul", { className: "lab-troubles" }, ...[...new Set(troubles)].map((each) => h("li", {}, each))))
      : null,
    report.voices ? panel(strings.lab.timeline.title, quiet(strings.lab.timeline.hint_report), ...wholeTalk(report.voices)) : null,
    panel(words.turns, ...turnByTurn()),
    panel(words.run, facts(report)),
  ].filter(Boolean);
}

const chart = new Chart();
document.title = title;
document.getElementById("main").replaceChildren(...page(chart));
chart.show(compared()); // now that there is a place to measure
