/** Why a turn was waited for, drawn: each pause's silence, and under it what text and voice said and the wait it gave. */

import { strings } from "../strings.js";
import { h } from "../ui/dom.js";
import { reachOf, rowsOfPause, tableOf } from "./wait_rows.js";

const words = strings.lab.waits;
const STEPS_MS = [100, 200, 500, 1000, 2000, 5000];
const MOST_TICKS = 6;
// A label that begins beyond this share of the axis would leave it.
const LABEL_FITS = 0.55;

const place = (at_ms, reach_ms) => `${((100 * Math.min(Math.max(at_ms, 0), reach_ms)) / reach_ms).toFixed(2)}%`;

function mark(kind, from_ms, to_ms, reach_ms) {
  const drawn = h("span", { className: `why-mark why-${kind}` });
  drawn.style.insetInlineStart = place(from_ms, reach_ms);
  drawn.style.inlineSize = place(Math.max(0, to_ms - from_ms), reach_ms);
  return drawn;
}

/** Return a label after a moment, or before it if it would leave the axis. */
function value(text, at_ms, reach_ms) {
  const shown = h("span", { className: "why-value" }, text);
  if (at_ms <= LABEL_FITS * reach_ms) shown.style.insetInlineStart = place(at_ms, reach_ms);
  else shown.style.insetInlineEnd = place(reach_ms - at_ms, reach_ms);
  return shown;
}

function drawn({ kind, at_ms, wait_ms, look }, end, reach_ms) {
  const marks = end === null ? [] : [mark(end.kind, end.at_ms, end.at_ms, reach_ms)];
  if (look !== null) {
    const { asked_ms, answered_ms } = look;
    marks.push(mark(answered_ms === null ? "late" : "look", asked_ms, answered_ms ?? asked_ms, reach_ms));
  }
  if (wait_ms !== null) {
    marks.push(mark(kind, Math.min(at_ms, wait_ms), Math.max(at_ms, wait_ms), reach_ms));
    if (wait_ms < at_ms) marks.at(-1).classList.add("why-over");
  }
  return h("span", { className: "why-track" }, ...marks);
}

function drawCell({ text, share, fresh }) {
  const shown = h("span", { className: `why-cell${fresh ? "" : " why-known"}` }, text);
  if (share === null) shown.classList.add("why-plain");
  else shown.style.setProperty("--share", `${Math.round(100 * share)}%`);
  return shown;
}

const label = (text, kind = "") => h("span", { className: `why-label ${kind}` }, text);
const line = (kind, ...children) => h("div", { className: `why-row why-row-${kind}` }, ...children);

function drawPause({ silence_ms, went_on, ...pause }, title, reach_ms) {
  const end = silence_ms === null ? null : { kind: went_on ? "resumed" : "end", at_ms: silence_ms };
  const bar = h("span", { className: "why-track" }, mark(went_on ? "went_on" : "taken", 0, silence_ms ?? reach_ms, reach_ms));
  if (end !== null) {
    const said = (went_on ? words.went_on : words.taken)(Math.round(silence_ms));
    bar.append(mark(end.kind, silence_ms, silence_ms, reach_ms), value(said, silence_ms, reach_ms));
  }
  const rows = rowsOfPause(pause).map((row) => {
    const said = row.cells === null ? [label(row.words)] : [h("span", { className: "why-label why-cells" }, ...row.cells.map(drawCell))];
    return line(row.kind, ...said, drawn(row, end, reach_ms));
  });
  return [line("silence", label(title, "why-title"), bar), ...rows];
}

function axis(reach_ms) {
  const step_ms = STEPS_MS.find((step) => reach_ms / step <= MOST_TICKS) ?? STEPS_MS.at(-1);
  const track = h("span", { className: "why-track" });
  for (let tick_ms = 0; tick_ms < reach_ms * 0.97; tick_ms += step_ms) {
    const tick = h("span", { className: "why-tick" }, String(tick_ms));
    tick.style.insetInlineStart = place(tick_ms, reach_ms);
    track.append(tick);
  }
  return line("axis", label(words.axis), track);
}

function picture(wait) {
  const reach_ms = reachOf(wait);
  const count = wait.pauses.length;
  const title = ({ judged }, index) => words.pause(index + 1, count, judged.at(-1)?.ending ?? "");
  const head = h("span", { className: "why-label why-cells" }, ...words.cells.map((name) => h("span", {}, name)));
  return h(
    "div",
    { className: "why-picture", attrs: { role: "img" }, aria: { label: words.picture } },
    line("head", head, h("span", { className: "why-track" }, words.goes_on)),
    ...wait.pauses.flatMap((pause, index) => drawPause(pause, title(pause, index), reach_ms)),
    axis(reach_ms),
  );
}

function table(wait) {
  const head = (name) => h("th", { scope: "col" }, name);
  const cell = (text, className = "") => h("td", { className }, text);
  const row = ({ pause, after, said, then }) => h("tr", {}, cell(pause), cell(after, "number"), cell(said), cell(then));
  return h(
    "details",
    { className: "why-table" },
    h("summary", {}, words.table),
    h("table", {}, h("thead", {}, h("tr", {}, ...words.columns.map(head))), h("tbody", {}, ...tableOf(wait).map(row))),
  );
}

/** Return why a turn was waited for, once for each turn that it was taken for; nothing where that is not known. */
export function why({ waits, waited_before = [] }) {
  return (waits ?? []).map((wait, index) =>
    h(
      "div",
      { className: "lab-why" },
      h("p", { className: "why-words" }, wait.words),
      index === 0 && waited_before.length > 0 ? h("p", { className: "hint" }, words.before(waited_before.join(" "))) : null,
      picture(wait),
      table(wait),
    ),
  );
}
