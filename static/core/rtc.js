/** Pure helpers of a call: names, and what the browser's statistics say. */

/** Return the patient's item of a response: `resp_3` speaks `item_p3`. */
export const itemOf = (response_id) => `item_p${String(response_id ?? "").replace(/^resp_/, "")}`;

/** Follows a call's statistics, which count from its beginning. */
export class CallWatch {
  constructor() {
    // This is the delay of all samples that have been heard, one after another.
    this.delay_s = 0;
    this.emitted = 0;
  }

  /**
   * Return {buffer_ms, lost, round_trip_ms} of statistics (RTCStatsReport's values); null where they don't say.
   *
   * `buffer_ms` is how long the browser has kept what it let be heard since the last time, `lost` the packets that never came.
   */
  add(stats) {
    const sound = stats.find(({ type, kind }) => type === "inbound-rtp" && kind === "audio");
    const way = stats.find(({ type, nominated, state }) => type === "candidate-pair" && nominated && state === "succeeded");
    const emitted = (sound?.jitterBufferEmittedCount ?? 0) - this.emitted;
    const delay_s = (sound?.jitterBufferDelay ?? 0) - this.delay_s;
    this.emitted += emitted;
    this.delay_s += delay_s;
    return {
      buffer_ms: emitted > 0 ? Math.round((1000 * delay_s) / emitted) : null,
      lost: sound?.packetsLost ?? null,
      round_trip_ms: way?.currentRoundTripTime === undefined ? null : Math.round(1000 * way.currentRoundTripTime),
    };
  }
}
