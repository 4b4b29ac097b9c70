/** What a run found, as plain data: the shape that `interlocutor replay --json` writes and `--baseline` reads. */

import { isCut, partsOf } from "./candidate.js";

const round = (value, digits) => (value === null || value === undefined ? null : Number(value.toFixed(digits)));

/** Return the q-quantile by nearest rank, or null of nothing: as everywhere on the server. */
export function percentile(values, q) {
  const ranked = [...values].sort((a, b) => a - b);
  return ranked.length > 0 ? ranked[Math.max(0, Math.ceil(q * ranked.length) - 1)] : null;
}

/** Return one turn as plain data; milliseconds. */
export function turnAsJson(result, { same_clock }) {
  const parts = partsOf(result, same_clock);
  return {
    source: result.turn.source,
    text: result.turn.text,
    expect: result.turn.expect,
    heard: result.heard.join(" "),
    said: result.said.join(" "),
    cues: [], // a connection is not told them
    answers: result.said.length,
    cut: isCut(result),
    voice_to_voice_ms: round(result.voice_to_voice_ms, 1),
    parts: parts && Object.fromEntries(Object.entries(parts).map(([name, ms]) => [name, round(ms, 3)])),
    timeline: timelineOf(result.timeline),
    voiced_end_ms: round(result.voiced_end_ms ?? 0, 3),
    late_ms: 0, // the turns are paced by the sound card, not by a timer
    network: result.network,
    server_voice_to_voice_ms: round(result.timing?.voice_to_voice_ms ?? null, 1),
  };
}

/** Return the timeline event without its envelope, with the reply's number for the item's id. */
function timelineOf(event) {
  if (event === null) return null;
  const { type, event_id, item_id, ...moments } = event;
  return { reply: Number(String(item_id).replace(/\D/g, "")) || 0, ...moments };
}

const quantiles = (values) => ({ p50: round(percentile(values, 0.5), 1), p95: round(percentile(values, 0.95), 1) });
const known = (values) => values.filter((value) => value !== null && value !== undefined);
const sum = (values) => values.reduce((total, value) => total + value, 0);

/** Return how long after the end of a turn was noticed the reply was heard, or null. */
export function afterEndpoint(turn) {
  if (!turn.parts) return null;
  const { endpoint, ...later } = turn.parts;
  return sum(Object.values(later));
}

/** Return the figures over all turns of all repeats (lists of turns as plain data). */
export function summarise(runs) {
  const turns = runs.flat();
  const timelines = known(turns.map(({ timeline }) => timeline));
  const summary = {
    turns: turns.length,
    answered_once: turns.filter(({ answers }) => answers === 1).length,
    cut: turns.filter(({ cut }) => cut).length,
    voice_to_voice_ms: quantiles(known(turns.map((turn) => turn.voice_to_voice_ms))),
    after_endpoint_ms: quantiles(known(turns.map(afterEndpoint))),
    drafts: {
      made: sum(timelines.map(({ speculated }) => speculated ?? 0)),
      discarded: sum(timelines.map(({ discarded }) => discarded ?? 0)),
      reused: timelines.filter(({ reused }) => reused).length,
      turns: timelines.length,
      discarded_s_per_turn:
        timelines.length > 0 ? round(sum(timelines.map(({ discarded_ms }) => discarded_ms ?? 0)) / 1000 / timelines.length, 4) : null,
    },
    expected_cue_rate: null,
  };
  if (runs.length > 1) {
    const p50s = known(runs.map((run) => percentile(known(run.map((turn) => turn.voice_to_voice_ms)), 0.5)));
    summary.runs = {
      n: runs.length,
      median_of_p50_ms: p50s.length > 0 ? round(median(p50s), 1) : null,
      spread_of_p50_ms: p50s.length > 0 ? round(Math.max(...p50s) - Math.min(...p50s), 1) : null,
    };
  }
  return summary;
}

function median(values) {
  const ranked = [...values].sort((a, b) => a - b);
  const middle = ranked.length >> 1;
  return ranked.length % 2 ? ranked[middle] : (ranked[middle - 1] + ranked[middle]) / 2;
}

/** Return a kept run as the JSON of a replay's report. */
export function asReport(run) {
  const body = {
    machine: run.machine,
    about: run.about,
    turns: run.repeats.at(-1) ?? [],
    summary: summarise(run.repeats),
    troubles: run.troubles,
    topics_told: run.topics_told,
  };
  if (run.repeats.length > 1) body.runs = run.repeats;
  return body;
}

/** Return a name for a report's file. */
export function fileName(run) {
  const name = run.name.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
  return `latency-${name || "run"}.json`;
}
