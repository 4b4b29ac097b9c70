/**
 * A session's connection by WebRTC: the microphone's track out, the patient's in, the same messages on a data channel.
 *
 * It has the face of the WebSocket's link. The server pauses, moves and clears the patient's sound by itself; what the
 * page shows of it is told by `onplayed`, in the words of the loudspeaker's reports.
 */

import { closeProblem, Problem } from "../core/problems.js";
import { isFault, outgoing, parseEvent } from "../core/protocol.js";
import { CallWatch, itemOf } from "../core/rtc.js";
import { fetchJoinToken, request, withToken } from "./api.js";

const CALLS = "/v1/realtime/calls";
const CHANNEL = "oai-events";
const STATS_MS = 1000;
const MAX_DELAY_MS = 2000; // as much as the server takes
// The server sends a pulse every second; it gives a call up after as long.
const QUIET_MS = 5000;
const RESTART_MS = 2000; // the browser itself notices in five to eight seconds
const TOLD_STEP_MS = 10; // smaller changes of the delay are not worth a message

/** Whether this browser can call at all. */
export const canCall = (scope = globalThis) => Boolean(scope.RTCPeerConnection);

/** Return {enabled, ice_servers, connect_within_ms} for a session. */
export const fetchRtc = async (session) => (await request("/api/rtc", withToken(session))).json();

export class WebRtcLink {
  #peer = null;
  #channel = null;
  #sender = null;
  #session = null;
  #address = null; // of the call
  #over = false;
  #timer = null;
  #stats = null;
  #restarting = false;
  #pulses = false;
  #quiet = []; // timers
  #watch = new CallWatch();
  #told_ms = null; // the delay that the server knows of

  /** `track`: the microphone's; `rtc`: what `fetchRtc` told. */
  constructor({ track, rtc }) {
    this.carries_sound = true; // no frames of sound need to be sent as messages
    this.onevent = () => {}; // (event)
    this.onclosed = () => {}; // (Problem): the connection ended, and not by us
    this.onplayed = () => {}; // ({kind: started|ended|cleared, item_id, played_ms})
    this.onstream = () => {}; // (MediaStream): the patient's sound
    this.onquality = () => {}; // ({buffer_ms, lost, round_trip_ms}), every second
    this.track = track;
    this.rtc = rtc;
  }

  /**
   * Call, introduce the page and resolve when the server has answered; rejects with a Problem when that takes too long.
   *
   * `ticket` leads back to a session whose connection was lost.
   */
  async connect(session, introduction = outgoing.configure(), { ticket = null } = {}) {
    this.#session = session;
    const peer = new RTCPeerConnection({ iceServers: this.rtc.ice_servers, bundlePolicy: "max-bundle" });
    this.#peer = peer;
    this.#sender = peer.addTrack(this.track, new MediaStream([this.track]));
    this.#channel = peer.createDataChannel(CHANNEL);
    peer.addEventListener("track", ({ streams, track }) => this.onstream(streams[0] ?? new MediaStream([track])));
    peer.addEventListener("connectionstatechange", () => this.#changed());
    const greeted = this.#greeted(introduction);
    greeted.catch(() => {}); // whoever waits for it is told
    const late = new Promise((_, reject) => {
      this.#timer = setTimeout(() => reject(new Problem("connection.lost")), this.rtc.connect_within_ms);
    });
    try {
      await Promise.race([this.#call(ticket).then(() => greeted), late]);
    } catch (problem) {
      this.close();
      throw problem instanceof Problem ? problem : new Problem("connection.lost", { detail: String(problem) });
    } finally {
      clearTimeout(this.#timer);
    }
    this.#stats = setInterval(() => this.#measure(), STATS_MS);
  }

  /** Send another microphone's sound from now on. */
  async replaceTrack(track) {
    this.track = track;
    await this.#sender?.replaceTrack(track);
  }

  /** Look for another way to the server, as after a change of networks; the conversation goes on meanwhile. */
  async restart() {
    if (this.#restarting || this.#over || !this.#address) return;
    this.#restarting = true;
    try {
      this.#peer.restartIce();
      await this.#offer(withToken(this.#session).headers);
    } catch (problem) {
      if (problem.status === 404) this.#lost(); // the server has given it up
      else if (!this.#over) console.warn("The call could not look for another way.", problem);
    } finally {
      this.#restarting = false;
    }
  }

  /** Look for another way when nothing comes for a while, and take the call for lost when there is none. */
  expectPulses() {
    this.#pulses = true;
    this.#expect();
  }

  #expect() {
    if (!this.#pulses || this.#over) return;
    this.#quiet.forEach(clearTimeout);
    this.#quiet = [setTimeout(() => this.restart(), RESTART_MS), setTimeout(() => this.#lost(), QUIET_MS)];
  }

  /** Send text; dropped without a word when the connection is gone. */
  send(text) {
    if (this.open) this.#channel.send(text);
  }

  get open() {
    return this.#channel?.readyState === "open";
  }

  /** Bytes handed to the channel and not yet sent. */
  get buffered_bytes() {
    return this.#channel?.bufferedAmount ?? 0;
  }

  /** End the connection; nothing is reported any more. */
  close() {
    this.#over = true;
    clearTimeout(this.#timer);
    clearInterval(this.#stats);
    this.#quiet.forEach(clearTimeout);
    this.#peer?.close();
  }

  /** Make the call: with a token for this one connection, or with the ticket that leads back. */
  async #call(ticket) {
    const token = ticket ? null : await fetchJoinToken(this.#session);
    await this.#offer(ticket ? { "Interlocutor-Resume": ticket } : { Authorization: `Bearer ${token}` });
  }

  /** Send an offer, the first or a later one, and take the answer. */
  async #offer(headers) {
    await this.#peer.setLocalDescription();
    const answer = await request(this.#address ?? CALLS, {
      method: this.#address ? "PATCH" : "POST",
      headers: { ...headers, "Content-Type": "application/sdp" },
      body: this.#peer.localDescription.sdp,
    });
    this.#address ??= answer.headers.get("Location");
    await this.#peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  }

  /** Resolve when the server has greeted. */
  #greeted(introduction) {
    return new Promise((resolve, reject) => {
      this.#channel.addEventListener("open", () => this.send(introduction));
      this.#channel.addEventListener("message", ({ data }) => {
        this.#expect();
        const event = parseEvent(data);
        if (event === null) {
          console.warn("A message of the server was not understood and left out.", String(data).slice(0, 200));
          return;
        }
        if (event.type === "session.created" || event.type === "interlocutor.session.resumed") resolve();
        if (isFault(event)) console.warn("The server refused a message.", event.error);
        this.#tell(event);
        this.onevent(event);
      });
      this.#channel.addEventListener("close", () => {
        reject(new Problem("connection.lost"));
        this.#lost();
      });
    });
  }

  /** Put what is heard of the patient into the loudspeaker's words. */
  #tell({ type, response_id, response }) {
    const item_id = itemOf(response_id ?? response?.id);
    if (type === "output_audio_buffer.started") this.onplayed({ kind: "started", item_id, played_ms: 0 });
    else if (type === "output_audio_buffer.cleared") this.onplayed({ kind: "cleared", item_id, played_ms: 0 });
    else if (type === "response.done") this.onplayed({ kind: "ended", item_id, played_ms: 0 });
  }

  #changed() {
    const state = this.#peer.connectionState;
    if (state === "disconnected") this.restart();
    else if (state === "failed" || state === "closed") this.#lost();
  }

  #lost() {
    if (this.#over) return;
    this.close();
    this.onclosed(closeProblem(1006));
  }

  async #measure() {
    const report = await this.#peer.getStats();
    if (this.#over) return;
    const quality = this.#watch.add([...report.values()]);
    this.onquality(quality);
    const { buffer_ms } = quality;
    if (buffer_ms === null || Math.abs(buffer_ms - (this.#told_ms ?? -Infinity)) < TOLD_STEP_MS) return;
    this.#told_ms = buffer_ms;
    this.send(outgoing.delay(Math.min(buffer_ms, MAX_DELAY_MS)));
  }
}
