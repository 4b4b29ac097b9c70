/** Parts of a replay's report: its figures, where the time went on average, and what was run. */

import { strings } from "../strings.js";
import { h } from "../ui/dom.js";
import { inMs, meanText, percentileText } from "./turn_table.js";

const words = strings.lab.report;
const FACTS = ["date", "version", "card", "recordings", "pace", "as_recorded", "url", "engines", "settings_digest", "machine"];

/** Return the figures of a summary as [value, name]. */
export function figuresOf({ turns, answered_once, cut, voice_to_voice_ms, after_endpoint_ms, drafts, expected_cue_rate }) {
  const { names } = words;
  const found = [
    ...(voice_to_voice_ms.mean === undefined ? [] : [[meanText(voice_to_voice_ms), names.mean]]),
    [percentileText(voice_to_voice_ms.p50, voice_to_voice_ms.n), names.p50],
    [percentileText(voice_to_voice_ms.p95, voice_to_voice_ms.n), names.p95],
    [percentileText(after_endpoint_ms.p50, voice_to_voice_ms.n), names.after],
    [words.of(answered_once, turns), names.answered],
    [words.of(cut, turns), names.cut],
  ];
  if (expected_cue_rate !== null) found.push([`${Math.round(100 * expected_cue_rate)} %`, names.expected]);
  if (drafts.discarded_s_per_turn !== null) {
    found.push([words.of(drafts.reused, drafts.turns), names.ahead]);
    found.push([words.of(drafts.discarded, drafts.made), names.discarded]);
    found.push([inMs(1000 * drafts.discarded_s_per_turn), names.in_vain]);
  }
  return found;
}

/** Return the figures of a summary, side by side. */
export function figures(summary) {
  const item = ([value, name]) => h("li", {}, h("b", {}, value), name);
  return h("ul", { className: "lab-figures" }, ...figuresOf(summary).map(item));
}

/** Return the mean parts of voice-to-voice as one bar, with what each is. */
export function meanParts(parts_ms) {
  const parts = Object.entries(parts_ms);
  const bar = h("div", { className: "lab-shares", aria: { hidden: "true" } });
  for (const [name, ms] of parts) {
    const part = h("span", { className: `lab-${name}` });
    part.style.flexGrow = String(Math.max(0, ms));
    bar.append(part);
  }
  const item = ([name, ms]) =>
    h("li", {}, h("span", { className: `lab-patch lab-${name}`, aria: { hidden: "true" } }), words.mean(name, inMs(ms), strings.lab.picture.meanings[name]));
  return [bar, h("ul", { className: "lab-key" }, ...parts.map(item))];
}

/** Return what was run, and on what. */
export function facts({ about, machine }) {
  const known = { ...about, machine };
  const empty = (value) => typeof value === "object" && Object.keys(value ?? {}).length === 0;
  const row = (name) => h("tr", {}, h("th", { scope: "row" }, words.facts[name]), h("td", {}, plain(known[name])));
  const rows = FACTS.filter((name) => known[name] && !empty(known[name])).map(row);
  return h("table", { className: "lab-facts" }, h("tbody", {}, ...rows));
}

function plain(value) {
  if (value === true) return words.yes;
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value !== "object") return String(value);
  return Object.entries(value).map(([name, text]) => `${name} ${text}`).join(", ");
}
