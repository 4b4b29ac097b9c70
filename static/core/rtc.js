/** Pure helpers of a call: names, and what the browser's statistics say. */

/** Return the patient's item of a response: `resp_3` speaks `item_p3`. */
export const itemOf = (response_id) => `item_p${String(response_id ?? "").replace(/^resp_/, "")}`;

/**
 * Return {buffer_ms, lost, round_trip_ms} of a call's statistics (RTCStatsReport's values); null where they don't say.
 *
 * `buffer_ms` is how long the browser keeps what arrives before it is heard, `lost` the packets that never came.
 */
export function jitterBuffer(stats) {
  const sound = stats.find(({ type, kind }) => type === "inbound-rtp" && kind === "audio");
  const way = stats.find(({ type, nominated, state }) => type === "candidate-pair" && nominated && state === "succeeded");
  const emitted = sound?.jitterBufferEmittedCount ?? 0;
  return {
    buffer_ms: emitted > 0 ? Math.round((1000 * sound.jitterBufferDelay) / emitted) : null,
    lost: sound?.packetsLost ?? null,
    round_trip_ms: way?.currentRoundTripTime === undefined ? null : Math.round(1000 * way.currentRoundTripTime),
  };
}
