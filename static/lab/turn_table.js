/** The turns of a run: what was said, heard and answered, and where the time before the answer went. */

import { strings } from "../strings.js";
import { h } from "../ui/dom.js";

const words = strings.lab.turns;
const PARTS = ["endpoint", "recognise", "respond", "speak", "deliver"];
const STEPS_MS = [250, 500, 750, 1000, 1500, 2000, 3000, 4000, 5000, 7500, 10000, 15000, 20000];

/** Return a value as whole milliseconds. */
export const inMs = (value) => (value === null || value === undefined ? "-" : `${Math.round(value)} ms`);

/** Return a mean of so many turns with the interval of chance around it, as text. */
export function meanText({ n, mean, interval }) {
  if (mean === null || mean === undefined) return "-";
  return interval ? words.mean(inMs(mean), ...interval.map(Math.round), n) : words.lone(inMs(mean), n);
}

// Of fewer turns a percentile is one of the two or three largest, or a matter of luck.
const ENOUGH_FOR_PERCENTILES = 20;

/** Return a percentile of so many turns as text; "-" where they are too few to have one. */
export const percentileText = (value, n) => (n === undefined || n >= ENOUGH_FOR_PERCENTILES ? inMs(value) : "-");

/** Return the end of a scale that has room for all turns, in ms. */
export function scaleOf(turns) {
  const longest = Math.max(0, ...turns.map((turn) => turn.voice_to_voice_ms ?? 0));
  return STEPS_MS.find((step_ms) => longest <= step_ms) ?? longest;
}

/** Return the parts of a turn that take time, as places on a scale in per cent: [{name, ms, from, width}]. */
export function barsOf(parts, scale_ms) {
  let reached_ms = 0;
  const bars = [];
  for (const name of PARTS) {
    const from_ms = reached_ms;
    reached_ms += parts[name];
    const [left_ms, right_ms] = [from_ms, reached_ms].map((ms) => Math.max(0, Math.min(ms, scale_ms)));
    if (right_ms > left_ms) {
      bars.push({ name, ms: parts[name], from: (100 * left_ms) / scale_ms, width: (100 * (right_ms - left_ms)) / scale_ms });
    }
  }
  return bars;
}

/** Return the key to the colours. */
export function partsKey() {
  return h(
    "ul",
    { className: "lab-key" },
    ...PARTS.map((name) =>
      h("li", {}, h("span", { className: `lab-patch lab-${name}`, aria: { hidden: "true" } }), words.parts[name]),
    ),
  );
}

const rangeOf = (values) => [Math.min(...values), Math.max(...values)].map(Math.round);

function waterfall(turn, { scale_ms, pending }) {
  if (turn.voice_to_voice_ms < 0) return h("span", {}, words.early(Math.round(-turn.voice_to_voice_ms)));
  if (turn.parts === null) {
    const answered = turn.answers > 0 || turn.voice_to_voice_ms !== null;
    return h("span", { className: "hint" }, pending ? words.pending : answered ? words.no_parts : words.no_answer);
  }
  const label = PARTS.map((name) => words.part(words.names[name], Math.round(turn.parts[name]))).join(", ");
  const bar = h("div", { className: "lab-bar", attrs: { role: "img" }, aria: { label }, title: label });
  for (const { name, from, width } of barsOf(turn.parts, scale_ms)) {
    const part = h("span", { className: `lab-part lab-${name}` });
    part.style.insetInlineStart = `${from}%`;
    part.style.inlineSize = `${width}%`;
    bar.append(part);
  }
  return bar;
}

/** Return why an answer came before the wait was over, where it did: the server and the truth differ on the last sound. */
export function sooner({ cut, voice_to_voice_ms, timeline, voiced_end_ms }) {
  const wait_ms = timeline?.wait_ms ?? null;
  if (cut || wait_ms === null || voice_to_voice_ms === null || voice_to_voice_ms >= wait_ms) return null;
  const earlier_ms = Math.round((voiced_end_ms ?? 0) - (timeline.last_voiced_ms ?? voiced_end_ms ?? 0));
  const explained = earlier_ms > 0 && voice_to_voice_ms + earlier_ms >= wait_ms - 1;
  return explained ? words.sooner(Math.round(wait_ms), earlier_ms) : words.sooner_defect(Math.round(wait_ms));
}

function row(turn, index, { scale_ms, several, by_server, pending }) {
  const buffer_ms = turn.network?.buffer_ms ?? null;
  const { reused, discarded, speculated, discarded_ms } = turn.timeline ?? {};
  const marks = [
    turn.cut ? words.cut : null,
    sooner(turn),
    reused ? words.ahead : null,
    discarded > 0 ? words.vain(discarded, speculated, Math.round(discarded_ms)) : null,
    turn.over_runs_ms?.length > 1 ? words.over_runs(...rangeOf(turn.over_runs_ms), turn.over_runs_ms.length) : null,
    buffer_ms === null ? null : words.buffer(buffer_ms, turn.network.lost ?? 0),
  ].filter(Boolean);
  return h(
    "tr",
    { className: turn.cut ? "lab-cut" : "" },
    h("th", { scope: "row" }, String(index + 1)),
    several ? h("td", { className: "lab-source" }, turn.source) : null,
    h(
      "td",
      { className: "lab-words" },
      h("p", {}, h("span", { className: "lab-who lab-you" }, words.heard), " ", turn.heard || words.nothing),
      turn.text ? h("p", { className: "hint" }, words.truth(turn.text)) : null,
      h("p", {}, h("span", { className: "lab-who lab-patient" }, words.reply), " ", turn.said || words.nothing),
    ),
    h(
      "td",
      { className: "lab-waterfall" },
      waterfall(turn, { scale_ms, pending }),
      marks.length > 0 ? h("p", { className: "hint" }, marks.join(" ")) : null,
    ),
    h("td", { className: "number" }, inMs(turn.timeline?.wait_ms)),
    by_server ? h("td", { className: "number" }, inMs(turn.server_voice_to_voice_ms)) : null,
    h("td", { className: "number lab-whole" }, inMs(turn.voice_to_voice_ms)),
  );
}

/**
 * Return a table of turns (plain data), named by `caption`; while a run is on, its last turn may still get its times.
 *
 * `below` returns what is to be shown under a turn's row, if anything.
 */
export function turnTable(turns, caption, { running = false, below = () => [] } = {}) {
  const scale_ms = scaleOf(turns);
  const several = new Set(turns.map(({ source }) => source)).size > 1;
  const by_server = turns.some((turn) => "server_voice_to_voice_ms" in turn); // a replay has one measurement of its own
  const columns = 5 + Number(several) + Number(by_server);
  const rows = (turn, index) => {
    const more = below(turn);
    const shown = row(turn, index, { scale_ms, several, by_server, pending: running && index === turns.length - 1 });
    return more.length > 0 ? [shown, h("tr", { className: "lab-below" }, h("td", { colSpan: columns }, ...more))] : [shown];
  };
  const head = (name, className = "") => h("th", { scope: "col", className }, name);
  return h(
    "div",
    { className: "lab-scroll", tabIndex: 0, attrs: { role: "region" }, aria: { label: caption } },
    h(
      "table",
      { className: "lab-turns" },
      h("caption", { className: "unseen" }, caption),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          head("#"),
          several ? head(words.source) : null,
          head(words.said),
          head(words.waterfall(scale_ms)),
          head(words.wait, "number"),
          by_server ? head(words.server, "number") : null,
          head(by_server ? words.page : words.whole, "number"),
        ),
      ),
      h("tbody", {}, ...turns.flatMap(rows)),
    ),
  );
}
