/** Runs beside each other: how their times are spread, and how much of a difference may be chance. */

import { afterEndpoint, percentile } from "./report.js";

const DRAWS = 1000;
const SEED = 20261121; // the same runs give the same interval
const known = (values) => values.filter((value) => value !== null && value !== undefined);

/** Return all answered turns' voice-to-voice of a run, in ms. */
export const timesOf = (run) => known(run.repeats.flat().map((turn) => turn.voice_to_voice_ms));

/** Return a run's figures for the table. */
export function figuresOf(run) {
  const turns = run.repeats.flat();
  const times = timesOf(run);
  const after = known(turns.map(afterEndpoint));
  return {
    turns: turns.length,
    answered: times.length,
    cut: turns.filter(({ cut }) => cut).length,
    p50_ms: percentile(times, 0.5),
    p95_ms: percentile(times, 0.95),
    after_p50_ms: percentile(after, 0.5),
  };
}

/**
 * Return the share of turns answered within each time, for several runs: [times_ms, shares, shares, ...].
 *
 * One list of times for all, as the chart needs it, from 0 (or the first) to a little after the last; shares are in
 * per cent.
 */
export function distribution(runs) {
  const all = runs.map((run) => timesOf(run).sort((a, b) => a - b));
  const found = all.flat();
  if (found.length === 0) return [[], ...all.map(() => [])];
  const ends_ms = [Math.min(0, ...found.map((ms) => ms - 1)), 1.05 * Math.max(0, ...found)];
  const times_ms = [...new Set([...found, ...ends_ms])].sort((a, b) => a - b);
  const curves = all.map((values) => {
    let count = 0;
    return times_ms.map((at_ms) => {
      while (count < values.length && values[count] <= at_ms) count += 1;
      return values.length > 0 ? (100 * count) / values.length : null;
    });
  });
  return [times_ms, ...curves];
}

/**
 * Return {change_ms, low_ms, high_ms, turns} of a quantile of voice-to-voice against a baseline, or null.
 *
 * A percentile bootstrap over the turns that both have, the same ones drawn on both sides; low and high are null with
 * fewer than two turns. Repeats of a turn stay together. `interlocutor replay --baseline` does it at more length.
 */
export function difference(run, baseline, q, draws = DRAWS) {
  const [ours, theirs] = [byTurn(run), byTurn(baseline)];
  const keys = [...ours.keys()].filter((key) => theirs.has(key));
  if (keys.length === 0) return null;
  const pairs = keys.map((key) => [ours.get(key), theirs.get(key)]);
  const change = (chosen) => {
    const [now, before] = [0, 1].map((side) => percentile(chosen.flatMap((pair) => pair[side]), q));
    return now - before;
  };
  const found = { change_ms: change(pairs), low_ms: null, high_ms: null, turns: keys.length };
  if (keys.length < 2) return found;
  const random = generator(SEED);
  const drawn = Array.from({ length: draws }, () => change(pairs.map(() => pairs[Math.floor(random() * pairs.length)])));
  return { ...found, low_ms: percentile(drawn, 0.025), high_ms: percentile(drawn, 0.975) };
}

/** Return the times of each turn over all repeats, by what was said and where. */
function byTurn(run) {
  const found = new Map();
  for (const turns of run.repeats) {
    const seen = new Map();
    for (const turn of turns) {
      const said = `${turn.source}\n${turn.text ?? ""}`;
      const key = `${said}\n${seen.get(said) ?? 0}`;
      seen.set(said, (seen.get(said) ?? 0) + 1);
      if (turn.voice_to_voice_ms === null) continue;
      found.set(key, [...(found.get(key) ?? []), turn.voice_to_voice_ms]);
    }
  }
  return found;
}

/** Return a function of random numbers from 0 to 1 (mulberry32 by T. Ettinger, public domain). */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
