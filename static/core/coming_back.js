/** How a lost connection is come back to: the ticket, which ends are no end, and how long to wait between attempts. */

import { replyOf } from "./binary.js";

// With these, nobody said anything, or the server is being started anew; other codes say that the session is over or not ours.
const LOST = [1001, 1005, 1006, 1012, 1013];
const TOO_OFTEN = 4429;
const PAUSES_MS = [0, 250, 500, 1000];
const LAST_PAUSE_MS = 2000;

/** Whether a connection that closed with this code may be come back from. */
export const mayComeBack = (close_code) => LOST.includes(close_code) || close_code === TOO_OFTEN;

/** Return how long to wait before attempt `number` (from 0) after a connection that closed with `close_code`. */
export function pauseBefore(number, close_code = 1006) {
  if (close_code === TOO_OFTEN) return LAST_PAUSE_MS;
  return PAUSES_MS[number] ?? LAST_PAUSE_MS;
}

/** Return the ticket: `seen` is the number of the last event, `played` {item_id, played_ms} or null. */
export function ticketOf(token, seen, played = null) {
  const reply = replyOf(played?.item_id);
  const told = reply ? `.${reply}.${Math.max(0, Math.round(played.played_ms))}` : "";
  return `interlocutor-resume.${token}.${seen}${told}`;
}

/** Return the number in an event's id, or 0. */
export function numberOf(event_id) {
  const found = /^event_(\d+)$/.exec(event_id ?? "");
  return found ? Number(found[1]) : 0;
}
