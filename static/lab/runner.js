/** Runs recordings against the server, one after another, each in a session of its own. */

import { Problem } from "../core/problems.js";
import { outgoing } from "../core/protocol.js";
import { Candidate } from "./candidate.js";
import { turnAsJson } from "./report.js";
import { strings } from "../strings.js";

// The server has so long to answer to settings, and to say goodbye.
const SETTLE_MS = 5000;

export class Runner {
  #stopped = false;
  #interrupt = () => {};
  #recordings;
  #options;
  #parts;

  /**
   * `recordings` have a name and `read(api)`. `options` are {card, repeats, silence_ms, as_recorded}; a `card` that is
   * null is the one that the recording's truth file names, else `other_card`. `parts` are {sound, api, make_talk}.
   */
  constructor(recordings, options, parts) {
    this.#recordings = recordings;
    this.#options = options;
    this.#parts = parts;
    this.repeats = []; // of lists of turns as plain data
    this.troubles = [];
    this.topics_told = new Set();
    // {id, token, name, card} of each role-play, to be heard again
    this.sessions = [];
    this.cards = new Set();
    // It gets {repeat, place, task, candidate}; `place` is the recording's among all.
    this.onprogress = () => {};
    this.onturn = () => {}; // (turns of this repeat so far)
  }

  get stopped() {
    return this.#stopped;
  }

  /** End after the present moment; what was measured is kept. */
  stop() {
    this.#stopped = true;
    this.#interrupt();
  }

  /** Run everything; rejects with a Problem when the server takes nobody. */
  async run() {
    for (let repeat = 0; repeat < this.#options.repeats && !this.#stopped; repeat += 1) {
      const turns = [];
      this.repeats.push(turns);
      for (const [place, recording] of this.#recordings.entries()) {
        if (this.#stopped) break;
        const task = await this.#read(recording);
        if (task !== null) await this.#runOne(task, { repeat, place }, turns);
      }
    }
    this.repeats = this.repeats.filter((turns) => turns.length > 0);
  }

  /** Return a recording as planned, or null when it can't be used: then the others are run without it. */
  async #read(recording) {
    try {
      return await recording.read(this.#parts.api);
    } catch (problem) {
      const words = problem instanceof Problem ? strings.lab.unusable[problem.code] : undefined;
      // At 409 its truth file is wrong, and the server says how.
      if (!words && problem.status !== 409) throw problem;
      this.troubles.push(words ? words(recording.name) : `${recording.name}: ${problem.detail}`);
      return null;
    }
  }

  async #runOne(task, where, turns) {
    const { api, sound, make_talk } = this.#parts;
    const card = this.#options.card ?? task.card ?? this.#options.other_card;
    let session;
    try {
      session = await api.openSession(card);
    } catch (problem) {
      if (problem.code !== "card.unknown") throw problem;
      this.troubles.push(strings.lab.no_card(task.name, card));
      return;
    }
    this.cards.add(card);
    this.sessions.push({ id: session.id, token: session.token, name: task.name, card: { id: card } });
    const talk = make_talk(sound);
    const before = [...turns];
    let candidate = null;
    const show = () => {
      const results = candidate.results.slice(0, candidate.current + 1);
      if (this.#stopped && results.at(-1)?.said.length === 0) results.pop(); // nobody gave it the time to be answered
      turns.splice(0, turns.length, ...before, ...results.map((result) => turnAsJson(result, talk)));
      this.onturn(turns);
      this.onprogress({ ...where, task, candidate });
    };
    try {
      sound.begin();
      await talk.connect(session);
      await this.#configure(talk);
      candidate = new Candidate(task.turns, {
        now_ms: sound.now_ms,
        same_clock: talk.same_clock,
        as_recorded: this.#options.as_recorded,
      });
      await this.#converse(task, candidate, talk, show);
      await this.#sayGoodbye(talk, candidate);
      show();
      const unsaid = task.turns.length - candidate.current - 1;
      if (unsaid > 0 && !this.#stopped) this.troubles.push(strings.lab.cut_short(task.name, unsaid, candidate.over));
    } catch (problem) {
      if (!(problem instanceof Problem) || candidate === null) throw problem;
      this.troubles.push(`${task.name}: ${strings.lab.failed[problem.code] ?? (problem.detail || problem.code)}`);
    } finally {
      if (candidate?.over === null) talk.send(outgoing.end()); // else it would wait for us to come back
      talk.close();
      sound.end();
    }
    this.troubles.push(...candidate.troubles.map((trouble) => `${task.name}: ${trouble}`));
    for (const topic of await api.topicsTold(session)) this.topics_told.add(topic);
    candidate.explain(await api.waits(session));
    show();
  }

  /** Set how the server takes turns, before the first sound; rejects with a Problem when it won't. */
  #configure(talk) {
    const { silence_ms } = this.#options;
    if (silence_ms === null) return Promise.resolve();
    const turn_detection = { type: "server_vad", silence_duration_ms: silence_ms };
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Problem("connection.lost")), SETTLE_MS);
      const settle = (then, ...given) => {
        clearTimeout(timer);
        then(...given);
      };
      talk.onclosed = (problem) => settle(reject, problem);
      talk.onevent = (event) => {
        if (event.type === "session.updated") settle(resolve);
        if (event.type === "error") settle(reject, new Problem("server.failed", { detail: event.error.message }));
      };
      talk.send(JSON.stringify({ type: "session.update", session: { type: "realtime", audio: { input: { turn_detection } } } }));
    });
  }

  /** Speak and listen until everything was said and answered. */
  #converse(task, candidate, talk, show) {
    const { sound } = this.#parts;
    return new Promise((resolve, reject) => {
      // The index of the turn that was handed to the audio thread last.
      let said = -1;
      this.#interrupt = resolve;
      talk.onclosed = (problem) => (candidate.over === null ? reject(problem) : resolve());
      talk.onevent = (event) => {
        if (candidate.receive(event, sound.now_ms)) show();
        if (candidate.over !== null) resolve();
      };
      sound.onsound = (on, at_ms) => {
        candidate.sound(on, at_ms, talk.network);
        show();
      };
      sound.onbegan = (index, at_ms, media_ms) => {
        candidate.began(index, at_ms, media_ms);
        show();
      };
      sound.onspoken = () => {
        candidate.spoken();
        show();
      };
      sound.onframe = ({ pcm, at_ms }) => {
        if (!talk.push(pcm)) reject(new Problem("connection.lost"));
        if (this.#options.as_recorded && said < 0) {
          said = task.turns.length;
          sound.say(task.samples, task.turns.map(({ start }, index) => ({ index, at: start })));
          return;
        }
        const next = candidate.next(at_ms);
        if (next !== null && next > said) {
          said = next;
          sound.say(task.turns[next].samples, [{ index: next, at: 0 }]);
        } else if (candidate.finished(at_ms)) {
          resolve();
        }
      };
      sound.flow();
      show();
    });
  }

  /** End the session, and wait a moment for the server to have ended it too. */
  #sayGoodbye(talk, candidate) {
    if (candidate.over !== null) return Promise.resolve();
    const { sound } = this.#parts;
    sound.onframe = () => {};
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, SETTLE_MS);
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      talk.onclosed = done;
      talk.onevent = (event) => {
        candidate.receive(event, sound.now_ms);
        if (event.type === "interlocutor.session.ended") done();
      };
      talk.send(outgoing.end());
    });
  }
}
