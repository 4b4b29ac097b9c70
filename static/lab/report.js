/** What a run found, as plain data: the shape that `interlocutor replay --json` writes and the server reads. */

import { isCut, partsOf } from "./candidate.js";

const round = (value, digits) => (value === null || value === undefined ? null : Number(value.toFixed(digits)));

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
    waits: result.waits,
    voiced_end_ms: round(result.voiced_end_ms ?? 0, 3),
    // The sound card paces the turns, not a timer.
    late_ms: 0,
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

/** Return a kept run as the JSON of a replay's report; without a summary while the server has given none. */
export function asReport({ machine, about, repeats, summary, troubles, topics_told }) {
  const body = { machine, about, turns: repeats.at(-1) ?? [], summary, troubles, topics_told };
  if (repeats.length > 1) body.runs = repeats;
  return body;
}

/** Return the same without what no figure is made of, as the server takes it. */
export function forFigures(run) {
  const body = asReport(run);
  const bare = (turns) => turns.map(({ waits, ...turn }) => turn);
  body.turns = bare(body.turns);
  if (body.runs) body.runs = body.runs.map(bare);
  return body;
}

/** Return a name for a report's file. */
export function fileName(run) {
  const name = run.name.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
  return `latency-${name || "run"}.json`;
}
