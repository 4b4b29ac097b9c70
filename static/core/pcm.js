/**
 * Sound as numbers: 16-bit PCM on the wire, floats in Web Audio.
 *
 * Typed arrays have the machine's byte order; every platform that browsers run on is little-endian, as the wire is.
 */

/** Rate of everything that crosses the wire, and of the page's AudioContext. */
export const WIRE_HZ = 24000;

/** Silence is told as this level, so that meters need no infinities. */
export const FLOOR_DBFS = -100;

/** Return float samples in [-1, 1] as an Int16Array, clipped at full scale; NaN becomes silence. */
export function floatToInt16(samples) {
  const pcm = new Int16Array(samples.length);
  for (let i = 0; i < samples.length; i += 1) {
    // Math.max and Math.min pass NaN on, and storing NaN in an Int16Array gives 0.
    pcm[i] = Math.round(Math.max(-1, Math.min(1, samples[i])) * 32767);
  }
  return pcm;
}

/** Return an Int16Array as float samples in [-1, 1). */
export function int16ToFloat(pcm) {
  const samples = new Float32Array(pcm.length);
  for (let i = 0; i < pcm.length; i += 1) samples[i] = pcm[i] / 32768;
  return samples;
}

/** Return PCM16LE bytes as float samples; a lone last byte is left out, since it is half a sample. */
export function bytesToFloat(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const samples = new Float32Array(bytes.byteLength >> 1);
  for (let i = 0; i < samples.length; i += 1) samples[i] = view.getInt16(2 * i, true) / 32768;
  return samples;
}

/** Return the root mean square level of float samples in dB of full scale, never below FLOOR_DBFS. */
export function levelDbfs(samples) {
  let sum = 0;
  for (let i = 0; i < samples.length; i += 1) sum += samples[i] * samples[i];
  if (samples.length === 0 || sum === 0) return FLOOR_DBFS;
  return Math.max(FLOOR_DBFS, 10 * Math.log10(sum / samples.length));
}

/** Pitches of the chime's two notes. */
export const CHIME_HZ = [523.25, 659.25];

/** How long the chime lasts. */
export const CHIME_MS = 700;

/** Return a soft two-note chime as float samples at `rate_hz`: the sound check before the role-play. */
export function chime(rate_hz) {
  const note_ms = CHIME_MS / 2;
  const length = Math.round((note_ms * rate_hz) / 1000);
  const samples = new Float32Array(2 * length);
  CHIME_HZ.forEach((pitch_hz, note) => {
    for (let i = 0; i < length; i += 1) {
      const seconds = i / rate_hz;
      const rise = Math.min(1, seconds / 0.01); // 10 ms: no click at the start
      const fall = Math.min(1, (length - i) / (0.05 * rate_hz));
      const decay = Math.exp(-4 * seconds);
      samples[note * length + i] = 0.2 * rise * fall * decay * Math.sin(2 * Math.PI * pitch_hz * seconds);
    }
  });
  return samples;
}
