/** A run's conversation over WebRTC: the candidate's voice as a track out, the patient's as a track in. */

import { outgoing } from "../core/protocol.js";
import { Problem } from "../core/problems.js";
import { fetchRtc, WebRtcLink } from "../net/webrtc_link.js";

export { canCall } from "../net/webrtc_link.js";

export class CallTalk {
  #sound;
  #link = null;

  /** A track has no sample numbers: the server's media time is not to be set against ours. */
  same_clock = false;

  /** What the browser last measured of the call: {buffer_ms, lost, round_trip_ms}. */
  network = null;

  constructor(sound) {
    this.#sound = sound;
    this.onevent = () => {}; // (event)
    this.onclosed = () => {}; // (Problem)
  }

  /** Connect; nothing is said yet. Rejects with a Problem. */
  async connect(session) {
    const rtc = await fetchRtc(session);
    if (!rtc.enabled) throw new Problem("lab.no_calls");
    this.#link = new WebRtcLink({ track: this.#sound.voiceTrack(), rtc });
    this.#link.onstream = (stream) => this.#sound.listenTo(stream);
    this.#link.onquality = (quality) => (this.network = quality);
    this.#link.onevent = (event) => this.onevent(event);
    this.#link.onclosed = (problem) => this.onclosed(problem);
    await this.#link.connect(session, outgoing.configure(true));
  }

  /** Send text of the protocol. */
  send(text) {
    this.#link?.send(text);
  }

  /** Take 20 ms of the candidate, which the track has carried already. */
  push() {
    return true;
  }

  close() {
    this.#link?.close();
  }
}
