/** One turn on a time axis: its words and sound, and under them who waited for what. */

import { strings } from "../strings.js";
import { h, svg } from "../ui/dom.js";
import { rowsOf } from "./turn_rows.js";

const words = strings.lab.picture;
const [WIDTH, GUTTER, MARGIN] = [960, 132, 12];
const [WORDS_Y, WORD_LINE] = [12, 13];
const [WAVE_TOP, WAVE_HEIGHT] = [32, 48];
const [ROWS_TOP, ROW] = [92, 16];
const BAR = 10; // height of a bar in its row
// A letter is so wide at this size; words must not run into each other.
const LETTER = 6.1;
const LABEL_ROOM = 60; // right of a bar, for its value
const STEPS_MS = [200, 500, 1000, 2000, 5000];
const MOST_TICKS = 20;

/** Return the picture of a turn that has a view; what it shows is described beside it. */
export function picture(turn) {
  const { view } = turn;
  const x = (ms) => GUTTER + ((ms - view.from_ms) / (view.to_ms - view.from_ms)) * (WIDTH - GUTTER - MARGIN);
  const rows = rowsOf(turn);
  const bottom = ROWS_TOP + ROW * rows.length;
  const drawing = svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${bottom + 22}`, role: "img", "aria-label": words.label },
    ...axis(view, x, bottom),
    ...spoken(view.words, x, "voice-you"),
    ...spoken(view.reply_words, x, "voice-patient"),
    ...wave(view.candidate, view, x, "voice-you"),
    ...wave(view.patient, view, x, "voice-patient"),
    ...rows.flatMap((row, index) => drawRow(row, x, ROWS_TOP + ROW * index, view)),
  );
  return h("div", { className: "lab-picture" }, drawing);
}

const label = (at, y, text, anchor = "end") => svg("text", { class: "label", x: at, y, "text-anchor": anchor }, text);
const line = (kind, at, from, to) => svg("line", { class: kind, x1: at, x2: at, y1: from, y2: to });

function axis({ from_ms, to_ms }, x, bottom) {
  const step_ms = STEPS_MS.find((step) => (to_ms - from_ms) / step <= MOST_TICKS) ?? STEPS_MS.at(-1);
  const drawn = [label(GUTTER - 10, bottom + 17, words.axis)];
  // Not one that would stand in the gutter.
  for (let tick_ms = Math.ceil((from_ms + step_ms / 10) / step_ms) * step_ms; tick_ms <= to_ms; tick_ms += step_ms) {
    const at = x(tick_ms);
    drawn.push(line(tick_ms === 0 ? "zero" : "grid", at, WAVE_TOP - 4, bottom + 4));
    drawn.push(label(at, bottom + 17, tick_ms === 0 ? words.ms(0) : String(tick_ms), at > WIDTH - 30 ? "end" : "middle"));
  }
  return drawn;
}

/** Return each word at its beginning, in the first of two lines that has room; the third to want one goes without. */
function spoken(said, x, kind) {
  const free = [-Infinity, -Infinity];
  return said.flatMap(({ text, from_ms }) => {
    const at = x(from_ms);
    const end = at + LETTER * (text.length + 1);
    const row = free.findIndex((taken) => taken <= at);
    if (row < 0 || end > WIDTH) return [];
    free[row] = end;
    return [svg("text", { class: kind, x: at, y: WORDS_Y + WORD_LINE * row }, text)];
  });
}

function wave(peaks, { from_ms, to_ms }, x, kind) {
  const loudest = Math.max(...peaks);
  if (loudest <= 0) return [];
  const step_ms = (to_ms - from_ms) / peaks.length;
  const middle = WAVE_TOP + WAVE_HEIGHT / 2;
  // The root shows soft endings of words, which are what an endpoint hangs on.
  const tall = peaks.map((peak) => Math.sqrt(peak / loudest) * (WAVE_HEIGHT / 2));
  const point = (sign) => (height, index) => `${x(from_ms + (index + 0.5) * step_ms).toFixed(1)},${(middle + sign * height).toFixed(1)}`;
  return [svg("polygon", { class: kind, points: [...tall.map(point(-1)), ...tall.map(point(1)).reverse()].join(" ") })];
}

function drawRow({ label: name, bars, marks, lines, value, note }, x, y, { from_ms }) {
  const group = svg("g", { transform: `translate(0 ${y})` });
  if (note) group.append(label(x(from_ms) + 4, BAR, note, "start"));
  for (const { kind, from_ms: left_ms, to_ms: right_ms, title } of bars) {
    const width = Math.max(1.5, x(right_ms) - x(left_ms));
    group.append(svg("rect", { class: kind, x: x(left_ms), y: 1, width, height: BAR, rx: 1.5 }, svg("title", {}, title)));
  }
  for (const { kind, at_ms } of lines) group.append(line(kind, x(at_ms), kind === "asked" ? -1 : 1, BAR + (kind === "asked" ? 3 : 1)));
  for (const at_ms of marks) group.append(svg("path", { class: "mark", d: `M${x(at_ms)} 1l4.5 5l-4.5 5l-4.5 -5z` }));
  const at = value === null ? Infinity : x(value.at_ms) + 5;
  if (at <= WIDTH - LABEL_ROOM) group.append(svg("text", { x: at, y: BAR }, value.text)); // else the words say it
  return [label(GUTTER - 10, y + 9, name), group];
}
