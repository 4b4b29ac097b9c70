/**
 * A session's connection that comes back when it is lost: the same face as a single one, and two words more.
 *
 * While it is away the microphone's sound is kept, and sent late when it is back.
 */

import { mayComeBack, numberOf, pauseBefore, ticketOf } from "../core/coming_back.js";
import { Problem } from "../core/problems.js";
import { outgoing } from "../core/protocol.js";
import { SoundMemory } from "../core/sound_memory.js";
import { connectLink } from "./choose_link.js";
import { RealtimeLink } from "./realtime_link.js";

const TAKEN = "session.taken";
// Something is sent so often, if it is only that nothing is to be said.
const PULSE_MS = 1000;

const now = () => performance.now();
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class LastingLink {
  #link = null;
  #up = false; // the link stands
  #session = null;
  #introduce = null;
  #memory = new SoundMemory();
  #flows = false; // sound is sent as it comes; else it is only kept
  #offer = null; // {token, within_s}
  #seen = 0;
  #played = null; // {item_id, played_ms}
  #captured_ms = -Infinity;
  #pulse = null;
  #over = false;

  constructor() {
    this.onevent = () => {}; // (event)
    // (until_ms): the connection is away, and may come back until then
    this.onlost = () => {};
    this.onback = () => {}; // (): and back
    this.onoffer = () => {}; // ({token, within_s}): how to come back
    this.onclosed = () => {}; // (Problem): it is over, and not by us
    this.onplayed = () => {}; // (report): of sound that comes as a stream
    this.onstream = () => {}; // (MediaStream)
  }

  /**
   * Connect and resolve when the server has greeted; rejects with a Problem.
   *
   * `track` is the microphone's, `introduce()` returns the first message; `resume` is the offer that a page before this one
   * had: all that happened is told again.
   */
  async connect(session, { track, introduce, resume = null }) {
    this.#session = session;
    this.#introduce = introduce;
    this.#offer = resume;
    const ticket = resume && ticketOf(resume.token, 0);
    await connectLink(session, { track, introduction: introduce(), ticket, prepare: (link) => this.#use(link) });
    this.#up = this.#flows = true;
    this.#pulse = setInterval(() => this.#beat(), PULSE_MS);
  }

  /** Connect once more, by messages: what broke a call would break the next one. */
  async #open(ticket) {
    const link = new RealtimeLink();
    this.#use(link);
    await link.connect(this.#session, this.#introduce(), { ticket });
    this.#up = true;
  }

  #use(link) {
    if (this.#over) throw new Problem("connection.lost");
    this.#link = link;
    this.#up = false;
    link.onevent = (event) => this.#receive(event, link);
    link.onplayed = (report) => this.onplayed(report);
    link.onstream = (stream) => this.onstream(stream);
    link.onclosed = (problem) => {
      if (link === this.#link && this.#up) this.#lost(problem);
    };
  }

  /** Take a frame of the microphone's; returns the message to be sent now, or null. */
  take(pcm) {
    this.#captured_ms = now();
    this.#memory.add(pcm, this.#captured_ms);
    return this.#flows && this.#link.open && !this.#link.carries_sound ? this.#link.sound(pcm, this.#played) : null;
  }

  /** So many samples that were to be sent were given up. */
  gaveUp(samples) {
    this.#memory.skip(samples);
  }

  /** The loudspeaker has played so much of an item; `at_once`: the server waits for it. */
  played(item_id, played_ms, { at_once = false } = {}) {
    this.#played = { item_id, played_ms };
    if (this.#flows && (at_once || !this.#link.binary)) this.#link.send(outgoing.playout(item_id, played_ms));
  }

  /** Send another microphone's sound from now on, where it goes as a stream. */
  replaceTrack(track) {
    this.#link?.replaceTrack?.(track);
  }

  /** Send text; dropped without a word while the connection is away. */
  send(text) {
    this.#link?.send(text);
  }

  get buffered_bytes() {
    return this.#link?.buffered_bytes ?? 0;
  }

  /** End it; nothing is reported any more. */
  close() {
    this.#over = true;
    clearInterval(this.#pulse);
    this.#link?.close();
  }

  #receive(event, link) {
    if (link !== this.#link) return;
    this.#seen = Math.max(this.#seen, numberOf(event.event_id));
    if (event.type === "interlocutor.client.configured" && event.resume) {
      this.#offer = event.resume;
      this.onoffer(event.resume);
      link.expectPulses?.();
    }
    // A stream's sound is not counted here: how far the server is with it is known once a second.
    if (event.type === "interlocutor.pulse" && link.carries_sound) this.#memory.align(event.received_ms);
    if (event.type === "interlocutor.session.resumed") this.#sendKept(event.received_ms);
    // The newer of two connections has the session; what closes after these words is no loss to come back from.
    if (event.type === "interlocutor.problem" && event.code === TAKEN) this.#finish(new Problem(TAKEN));
    else this.onevent(event);
  }

  #sendKept(received_ms) {
    if (this.#memory.total === 0) this.#memory.begin(received_ms);
    const time_ms = now();
    for (const { at_ms, pcm } of this.#memory.since(received_ms)) {
      this.#link.send(this.#link.sound(pcm, this.#played, Math.max(0, time_ms - at_ms)));
    }
    this.#flows = true;
  }

  #beat() {
    if (this.#flows && this.#offer && now() - this.#captured_ms > PULSE_MS) this.#link.send(outgoing.pulse());
  }

  async #lost(problem) {
    if (this.#over) return;
    if (!this.#offer || !mayComeBack(problem.close_code ?? 1006)) return this.#finish(problem);
    this.#flows = this.#up = false;
    const until_ms = now() + 1000 * this.#offer.within_s;
    this.onlost(until_ms);
    let last = problem;
    for (let number = 0; now() < until_ms; number += 1) {
      await pause(pauseBefore(number, last.close_code));
      if (this.#over) return undefined;
      try {
        await this.#open(ticketOf(this.#offer.token, this.#seen, this.#played));
        this.onback();
        return undefined;
      } catch (refused) {
        last = refused instanceof Problem ? refused : new Problem("connection.lost", { detail: String(refused) });
        if (last.close_code && !mayComeBack(last.close_code)) return this.#finish(last);
      }
    }
    return this.#finish(last);
  }

  #finish(problem) {
    if (this.#over) return;
    this.close();
    this.onclosed(problem);
  }
}
