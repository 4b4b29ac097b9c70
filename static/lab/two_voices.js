/**
 * A whole role-play as one strip: both voices with their words, the waits between them, and what was prepared meanwhile.
 *
 * The latency page draws a session's record with it, and a replay's report its last run. All times are milliseconds of the
 * recording.
 */

import { formatElapsed } from "../core/clock.js";
import { strings } from "../strings.js";
import { h, svg } from "../ui/dom.js";

const words = strings.lab.timeline;
// A second is so wide that most words have room at their places.
const PX_A_SECOND = 90;
const LETTER_PX = 6.1;
const TICK_S = 5;
const [TICKS_Y, MINE_WORDS_Y, WORD_LINE] = [12, 32, 13];
const [MINE_Y, DRAFTS_Y, THEIRS_Y, BAR] = [52, 74, 94, 14];
const [THEIR_WORDS_Y, WAITS_Y, HEIGHT] = [124, 158, 170];
const DRAFT_BAR = 10;
const LEAST_PX = 2;

const px = (ms) => (PX_A_SECOND * ms) / 1000;

/** Return the waits of a report's turns: {from_ms, to_ms, ms}; where the patient cut in, `ms` is negative. */
export function measuredWaits(turns) {
  return turns
    .filter(({ voiced_end_ms, voice_to_voice_ms }) => voiced_end_ms > 0 && Number.isFinite(voice_to_voice_ms ?? NaN))
    .map(({ voiced_end_ms, voice_to_voice_ms: ms }) => ({ from_ms: voiced_end_ms + Math.min(0, ms), to_ms: voiced_end_ms + Math.max(0, ms), ms }));
}

/** Return the waits between the turns of a record, for which nothing better was measured. */
export function waitsBetween(turns) {
  return turns.flatMap((turn, index) => {
    const before = turns[index - 1];
    if (before?.role !== "candidate" || turn.role !== "patient" || !Number.isFinite(before.to_ms)) return [];
    const ms = turn.from_ms - before.to_ms;
    return [{ from_ms: Math.min(turn.from_ms, before.to_ms), to_ms: Math.max(turn.from_ms, before.to_ms), ms }];
  });
}

/**
 * Return what is drawn, in pixels from the left: {width, bars, labels, ticks}. Bars are {kind, x, width, title, turn}, where
 * kinds are `candidate`, `patient`, `interrupted` (a patient who did not finish), `wait`, `cut`, `kept` and `thrown-away`;
 * labels are {kind, x, line, text}.
 */
export function placesOf({ turns, waits, drafts, length_ms }) {
  const heard = turns.filter(({ from_ms, to_ms }) => Number.isFinite(from_ms) && to_ms > from_ms);
  const bar = (kind, { from_ms, to_ms }, title, turn = null) => ({ kind, x: px(from_ms), width: Math.max(LEAST_PX, px(to_ms - from_ms)), title, turn });
  const bars = [
    ...waits.map((wait) => bar(wait.ms < 0 ? "cut" : "wait", wait, waitText(wait.ms))),
    ...heard.map((turn) => bar(turn.role === "patient" && turn.interrupted ? "interrupted" : turn.role, turn, turn.text, turn)),
    ...drafts.map((draft) => bar(draft.reason === null ? "kept" : "thrown-away", { from_ms: draft.made_ms, to_ms: draft.done_ms }, draftText(draft))),
  ];
  const labels = [
    ...["candidate", "patient"].flatMap((role) => wordLabels(heard.filter((turn) => turn.role === role), role)),
    ...waits.map((wait) => ({ kind: wait.ms < 0 ? "cut" : "wait", x: px(wait.from_ms), line: 0, text: words.wait(Math.round(wait.ms)) })),
  ];
  const ticks = Array.from({ length: Math.floor(length_ms / 1000 / TICK_S) + 1 }, (_, index) => index * TICK_S * 1000);
  return { width: Math.ceil(px(length_ms)) + 1, bars, labels, ticks };
}

const waitText = (ms) => (ms < 0 ? words.cut(Math.round(-ms)) : words.waited(Math.round(ms)));
const draftText = ({ reason, cost_ms }) => (reason === null ? words.kept : words.thrown_away(reason, Math.round(cost_ms)));

/** Return each word at its beginning, in the first of two lines that has room; a third goes without. */
function wordLabels(turns, kind) {
  const free = [-Infinity, -Infinity];
  return turns
    .flatMap((turn) => turn.words ?? [])
    .flatMap(([text, from_ms]) => {
      const x = px(from_ms);
      const line = free.findIndex((taken) => taken <= x);
      if (line < 0) return [];
      free[line] = x + LETTER_PX * (text.length + 1);
      return [{ kind, x, line, text }];
    });
}

const ROWS = {
  candidate: [MINE_Y, BAR],
  patient: [THEIRS_Y, BAR],
  interrupted: [THEIRS_Y, BAR],
  wait: [MINE_Y, THEIRS_Y + BAR - MINE_Y],
  cut: [MINE_Y, THEIRS_Y + BAR - MINE_Y],
  kept: [DRAFTS_Y, DRAFT_BAR],
  "thrown-away": [DRAFTS_Y, DRAFT_BAR],
};
const LABELS_Y = { candidate: MINE_WORDS_Y, patient: THEIR_WORDS_Y, wait: WAITS_Y, cut: WAITS_Y };

/**
 * Return {element, place} of the strip of {turns, waits, drafts, length_ms}; `on_play(from_ms, to_ms)` plays a turn that is
 * pressed, and `place(at_ms, playing)` shows where the recording is. The list of what was said has the same for whoever does
 * not see it, so the strip is one picture to them.
 */
export function twoVoices(shown, { on_play }) {
  const { width, bars, labels, ticks } = placesOf(shown);
  const drawBar = ({ kind, x, width: wide, title, turn }) => {
    const [y, height] = ROWS[kind];
    const drawn = svg("rect", { class: `strip-${kind}`, x, y, width: wide, height, rx: 2 }, svg("title", {}, title));
    if (turn) drawn.addEventListener("click", () => on_play(turn.from_ms, turn.to_ms));
    return drawn;
  };
  const head = svg("line", { class: "strip-head", x1: 0, x2: 0, y1: TICKS_Y + 4, y2: HEIGHT - 20, visibility: "hidden" });
  const drawing = svg(
    "svg",
    { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": words.strip },
    ...ticks.flatMap((ms) => [
      svg("line", { class: "grid", x1: px(ms), x2: px(ms), y1: TICKS_Y + 4, y2: HEIGHT - 20 }),
      svg("text", { class: "label", x: px(ms) + 3, y: TICKS_Y }, formatElapsed(ms)),
    ]),
    ...bars.map(drawBar),
    ...labels.map(({ kind, x, line, text }) => svg("text", { class: `strip-text-${kind}`, x, y: LABELS_Y[kind] + WORD_LINE * line }, text)),
    head,
  );
  Object.assign(drawing.style, { width: `${width}px`, height: `${HEIGHT}px`, maxWidth: "none" });
  const scroll = h("div", { className: "lab-strip", tabIndex: 0, attrs: { role: "region", dir: "ltr" }, aria: { label: words.strip } }, drawing);
  return {
    element: h("div", { className: "lab-two-voices" }, scroll, key()),
    place: (at_ms, playing) => {
      const x = px(at_ms);
      head.setAttribute("visibility", "visible");
      for (const end of ["x1", "x2"]) head.setAttribute(end, String(x));
      const out = x < scroll.scrollLeft || x > scroll.scrollLeft + scroll.clientWidth;
      if (playing && out) scroll.scrollLeft = Math.max(0, x - 40);
    },
  };
}

function key() {
  const item = (kind) => h("li", {}, h("span", { className: `lab-patch strip-patch-${kind}`, aria: { hidden: "true" } }), words.key[kind]);
  return h("ul", { className: "lab-key" }, ...Object.keys(words.key).map(item));
}
