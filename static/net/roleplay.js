/** One role-play as it happens: joins the connection, the microphone, the loudspeaker, the state and the captions. */

import { Advice } from "../core/advice.js";
import { Captions } from "../core/captions.js";
import { Conversation } from "../core/conversation.js";
import { FRAME_MS } from "../core/frame_cutter.js";
import { WIRE_HZ } from "../core/pcm.js";
import { playoutOrder, TOLD } from "../core/playout_orders.js";
import { Past } from "../core/past.js";
import { outgoing } from "../core/protocol.js";
import { Uplink } from "../core/uplink.js";
import { StreamPlayer } from "../audio/stream_player.js";
import { LastingLink } from "./lasting_link.js";

const now = () => performance.now();

// After "end" the server closes the conversation itself; if it does not, the page goes on without it.
const END_GRACE_MS = 5000;

export class Roleplay {
  #session;
  #desk;
  #link = new LastingLink();
  #voice = null; // the patient's, where it comes as a stream
  #uplink;
  #grace = null;
  #finished = false;
  #resume;
  // It is set while a page that was loaded anew is told what happened before.
  #past = null;

  /** `session` as the server opened it, `desk` an AudioDesk whose microphone is open; `resume` to go on with one that runs. */
  constructor(session, desk, { resume = null } = {}) {
    this.#session = session;
    this.#desk = desk;
    this.#resume = resume;
    this.conversation = new Conversation({ patient_first: session.card.patient_speaks_first });
    this.captions = new Captions();
    this.advice = new Advice();
    this.microphone_dbfs = -Infinity;
    // It is given {token, within_s}: how a page that is loaded anew comes back.
    this.onoffer = () => {};
    this.onstarted = () => {}; // (left_ms)
    this.onpaused = () => {}; // (paused, left_ms)
    this.onobserved = () => {}; // ({following, listening})
    this.onstate = () => {};
    // It is told until when (monotonic) a lost connection may come back, and null when it is back.
    this.onaway = () => {};
    // It is told whether the captions are past: what was said before the page was loaded.
    this.oncaptions = () => {};
    this.onlatency = () => {};
    this.ontimeline = () => {}; // (interlocutor.turn.timeline)
    this.onnotice = () => {}; // (code, message of the server or "")
    this.onnoticeover = () => {}; // (code): it does not hold any more
    this.onended = () => {}; // ({reason} or {problem})
    this.#uplink = new Uplink({
      send: (text) => this.send(text),
      buffered_bytes: () => this.#link.buffered_bytes,
      on_dropped: (frames) => {
        this.#link.gaveUp((frames * WIRE_HZ * FRAME_MS) / 1000);
        this.onnotice("slow_network", "");
      },
    });
  }

  /** Connect and let sound flow; rejects with a Problem. */
  async start() {
    const { microphone, player } = this.#desk;
    player.onreport = (report) => this.#played(report);
    await this.#desk.start();
    this.#listen();
    const introduce = () => outgoing.configure(microphone.echo_cancellation, true);
    await this.#link.connect(this.#session, { track: microphone.track, introduce, resume: this.#resume });
    microphone.onopened = () => {
      this.onnoticeover("microphone_lost");
      this.send(introduce());
      this.#link.replaceTrack(microphone.track);
    };
    microphone.onframe = ({ pcm, level_dbfs }) => {
      this.microphone_dbfs = level_dbfs;
      const message = this.#link.take(pcm);
      if (message) this.#uplink.push(message);
    };
    microphone.onlost = () => this.onnotice("microphone_lost", "");
    microphone.onsilenced = (silenced) => (silenced ? this.onnotice("microphone_silent", "") : this.onnoticeover("microphone_silent"));
    this.#desk.onpaused = () => this.onnotice("sound_paused", "");
  }

  /** The level of whoever is speaking, in dB of full scale. */
  get level_dbfs() {
    if (this.conversation.state !== "speaking") return this.microphone_dbfs;
    return (this.#voice ?? this.#desk.player).level_dbfs;
  }

  /** Ask the server to end the role-play. */
  end() {
    this.send(outgoing.end());
    this.#grace ??= setTimeout(() => this.#finish({ reason: "ended" }), END_GRACE_MS);
  }

  /** Send a message that is a wish of the person's. */
  send(text) {
    this.#link.send(text);
  }

  /** Drop everything without a word. */
  abandon() {
    clearTimeout(this.#grace);
    this.#link.close();
    this.#dropVoice();
    this.#detach();
  }

  /** Let time pass: to be called a few times a second. */
  tick() {
    if (this.conversation.tick(now())) this.onstate();
    for (const { kind, message } of this.advice.due(this.conversation.state)) this.onnotice(`sound.${kind}`, message);
  }

  #listen() {
    const link = this.#link;
    link.onlost = (until_ms) => {
      this.#uplink.held = []; // it is kept elsewhere, and sent late
      this.#dropVoice();
      this.onaway(until_ms);
    };
    link.onback = () => {
      this.onaway(null);
      this.onnotice("reconnected", "");
    };
    link.onoffer = (offer) => this.onoffer(offer);
    link.onevent = (event) => this.#receive(event);
    link.onclosed = (problem) => this.#finish({ problem });
    link.onplayed = (report) => this.#heard(report);
    link.onstream = (stream) => {
      this.#dropVoice();
      this.#voice = new StreamPlayer(this.#desk.context, stream);
    };
  }

  #dropVoice() {
    this.#voice?.stop();
    this.#voice = null;
  }

  #receive(event) {
    if (this.#resume && event.type === "interlocutor.session.resumed") {
      this.#past = new Past(event, now());
      this.#resume = null;
      return;
    }
    if (event.type === "interlocutor.session.observed") this.onobserved(event);
    if (this.#past?.has(event)) {
      this.conversation.receive(event, now());
      this.captions.receive(event);
      return;
    }
    this.#catchUp();
    const order = playoutOrder(event);
    if (order) this.#desk.player.obey(order);
    if (event.type === "interlocutor.problem") this.onnotice(event.code, event.message ?? "");
    if (event.type === "interlocutor.server.stopping") this.onnotice("server.stopping", event.message);
    this.advice.receive(event);
    if (this.conversation.receive(event, now())) this.onstate();
    if (this.captions.receive(event)) this.oncaptions();
    if (event.type === "interlocutor.session.started") this.onstarted(1000 * event.session_s);
    if (event.type === "interlocutor.session.paused") this.onpaused(event.paused, event.left_ms);
    if (event.type === "interlocutor.turn.latency") this.onlatency(event.voice_to_voice_ms);
    if (event.type === "interlocutor.turn.timeline") this.ontimeline(event);
    if (event.type === "interlocutor.session.ended") this.#finish({ reason: event.reason });
  }

  /** All that happened has been told: show how things stand. */
  #catchUp() {
    const past = this.#past;
    if (past === null) return;
    this.#past = null;
    this.oncaptions(true);
    if (past.started) this.onstarted(past.leftMs(now()));
    if (past.paused) this.onpaused(true, past.leftMs(now()));
    this.onstate();
  }

  #played(report) {
    if (TOLD.has(report.kind)) this.#link.played(report.item_id, report.played_ms, { at_once: report.kind !== "progress" });
    this.#heard(report);
  }

  #heard(report) {
    if (this.conversation.played(report, now())) this.onstate();
  }

  #finish(outcome) {
    if (this.#finished) return;
    this.#finished = true;
    this.abandon();
    this.onended(outcome);
  }

  #detach() {
    const { microphone, player } = this.#desk;
    microphone.onframe = () => {};
    microphone.onlost = () => {};
    microphone.onsilenced = () => {};
    microphone.onopened = () => {};
    player.onreport = () => {};
    this.#desk.onpaused = () => {};
  }
}
