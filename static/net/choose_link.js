/** Chooses how a session is reached: a call by WebRTC, or the WebSocket where calls are not taken or UDP does not get through. */

import { outgoing } from "../core/protocol.js";
import { RealtimeLink } from "./realtime_link.js";
import { canCall, fetchRtc, WebRtcLink } from "./webrtc_link.js";

/** Whether calls are to be tried: not on a page that was opened with ?transport=websocket, to find out what is wrong. */
const mayCall = () => canCall() && new URLSearchParams(location.search).get("transport") !== "websocket";

/**
 * Connect, and return the link; rejects with a Problem.
 *
 * `track` is the microphone's, or null; `ticket` leads back to a session that is under way; `prepare(link)` is called with each
 * link that is tried, before it connects.
 */
export async function connectLink(session, { track, introduction = outgoing.configure(), ticket = null, prepare }) {
  const rtc = track && mayCall() ? await fetchRtc(session).catch(() => null) : null;
  if (rtc?.enabled) {
    const link = new WebRtcLink({ track, rtc });
    prepare(link);
    try {
      await link.connect(session, introduction, { ticket });
      return link;
    } catch (problem) {
      console.info("No call by WebRTC; the WebSocket is used.", problem.code, problem.detail);
    }
  }
  const link = new RealtimeLink();
  prepare(link);
  await link.connect(session, introduction, { ticket });
  return link;
}
