/** How much louder or quieter each voice of a recording is to be played, so that both are equally loud. */

const WINDOW_S = 0.05;
// Speech is within this of the loudest windows; the rest is silence and the room.
const SPEECH_RANGE_DB = 20;
const TARGET_DBFS = -20;
const MOST_DB = 20;
// A peak may come this near to full scale.
const PEAK = 0.95;

const decibels = (value) => 20 * Math.log10(value);

/** Return the level of the speech in float samples, in dBFS, or null where there is none. */
export function speechLevel(samples, rate_hz) {
  const length = Math.max(1, Math.round(rate_hz * WINDOW_S));
  const powers = [];
  for (let from = 0; from + length <= samples.length; from += length) {
    let power = 0;
    for (let at = from; at < from + length; at += 1) power += samples[at] * samples[at];
    if (power > 0) powers.push(power / length);
  }
  if (powers.length === 0) return null;
  // The loudest twentieth: a single knock is no voice.
  const sorted = [...powers].sort((a, b) => b - a);
  const loud = sorted[Math.floor(sorted.length / 20)];
  const speech = powers.filter((power) => power >= loud / 10 ** (SPEECH_RANGE_DB / 10));
  return 10 * Math.log10(speech.reduce((sum, power) => sum + power, 0) / speech.length);
}

/** Return the gain of each track (1: as it is). No track is made to clip, and silence is left alone. */
export function gainsOf(tracks, rate_hz) {
  return tracks.map((samples) => {
    const level = speechLevel(samples, rate_hz);
    if (level === null || level < -65) return 1;
    const peak = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const wanted_db = Math.min(MOST_DB, Math.max(-MOST_DB, TARGET_DBFS - level), decibels(PEAK / peak));
    return 10 ** (wanted_db / 20);
  });
}
