/**
 * Streaming windowed-sinc resampler, for browsers that refuse a microphone in a context of another rate.
 *
 * The kernel is a Hann-windowed sinc whose cut-off lies below the lower of the two Nyquist frequencies (J. O. Smith,
 * "Digital Audio Resampling"); it is tabulated once and looked up without interpolation, which leaves errors below
 * 16-bit speech microphones' noise.
 */

// With so many on each side, the transition band is about 10 % of the cut-off, which is enough for speech.
const ZERO_CROSSINGS = 12;
const STEPS_PER_CROSSING = 512;
// The rest of the lower Nyquist frequency is room for the transition band.
const CUT_OFF = 0.92;

export class Resampler {
  /** Both rates in Hz. */
  constructor(from_hz, to_hz) {
    this.step = from_hz / to_hz; // input samples an output sample
    this.cut_off = CUT_OFF * Math.min(1, to_hz / from_hz);
    this.reach = Math.ceil(ZERO_CROSSINGS / this.cut_off); // input samples each side
    this.table = kernel(ZERO_CROSSINGS, STEPS_PER_CROSSING);
    // It starts with silence, so that the first output needs no future.
    this.held = new Float32Array(2 * this.reach);
    this.position = this.reach; // of the next output, in samples of `held`
  }

  /** Take float samples, return those that are ready at the new rate (delay: `reach` input samples). */
  push(samples) {
    const input = new Float32Array(this.held.length + samples.length);
    input.set(this.held);
    input.set(samples, this.held.length);
    const output = [];
    while (this.position + this.reach < input.length) {
      output.push(this.#at(input, this.position));
      this.position += this.step;
    }
    const keep_from = Math.max(0, Math.floor(this.position) - this.reach);
    this.held = input.slice(keep_from);
    this.position -= keep_from;
    return Float32Array.from(output);
  }

  #at(input, position) {
    const first = Math.max(0, Math.ceil(position - this.reach));
    const last = Math.min(input.length - 1, Math.floor(position + this.reach));
    let sum = 0;
    for (let i = first; i <= last; i += 1) {
      const index = Math.round(Math.abs(i - position) * this.cut_off * STEPS_PER_CROSSING);
      if (index < this.table.length) sum += input[i] * this.table[index];
    }
    return sum * this.cut_off;
  }
}

/** Return one side of a Hann-windowed sinc, `steps` values from one zero crossing to the next. */
function kernel(crossings, steps) {
  const table = new Float32Array(crossings * steps);
  for (let i = 0; i < table.length; i += 1) {
    const x = i / steps;
    const sinc = i === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
    table[i] = sinc * 0.5 * (1 + Math.cos((Math.PI * x) / crossings));
  }
  return table;
}
