/** What a waveform shows: how loud each stretch of a track is. */

/** Return the largest magnitude of each of `count` equal stretches of float samples, as a Float32Array. */
export function peaks(samples, count) {
  const found = new Float32Array(count);
  for (let i = 0; i < count; i += 1) {
    const from = Math.floor((i * samples.length) / count);
    const to = Math.max(from + 1, Math.floor(((i + 1) * samples.length) / count));
    let most = 0;
    for (let at = from; at < to && at < samples.length; at += 1) most = Math.max(most, Math.abs(samples[at]));
    found[i] = most;
  }
  return found;
}

/** Return peaks scaled so that the loudest is 1; a track that is all but silent stays so. */
export function scaled(values, least = 0.02) {
  const most = values.reduce((a, b) => Math.max(a, b), least);
  return values.map((value) => value / most);
}
