/**
 * A role-play as its observers know it, put together from the messages of the desk; without a page, so that it can be
 * tested alone. It is built anew from the first event whenever the connection was made again.
 */

const SURE = 0.5; // from here on something was asked for, or a cue was meant

export class Followed {
  constructor() {
    this.session = null; // as in the snapshot
    this.next_seq = 0; // up to here everything was there when we came
    this.seen = -1; // the last number we had
    // {key, role, text, settled, done, interrupted, typed, at_ms, turn, intent, cues}
    this.lines = [];
    this.cues = []; // {id, topic, kind, says, emotion, state, at_ms}
    this.speaking = null;
    this.paused = false;
    this.over = false;
    this.began = false;
    // {kind: "sound" | "problem" | "incident" | "distress", what, text, at_ms}
    this.marks = [];
    this.turns = []; // {role, from_ms, to_ms, words}
    this.questions = 0;
    this.measures = []; // the server's so far: {id, value, unit, unmeasured, definition, limits}
    this.media_ms = 0; // the latest that we know of
  }

  /** Take a message of the desk; return whether it changed anything. */
  receive(message) {
    switch (message.type) {
      case "interlocutor.desk.snapshot":
        this.#snapshot(message);
        return true;
      case "interlocutor.desk.events":
        for (const event of message.events) this.#event(event);
        return message.events.length > 0;
      case "interlocutor.desk.measures":
        this.measures = message.measures;
        return true;
      case "interlocutor.desk.over":
        this.#end();
        return true;
      default:
        return false;
    }
  }

  /** Whether all that was there when we came has arrived. */
  get caught_up() {
    return this.seen >= this.next_seq - 1;
  }

  /** Return the last time it was paused or went on among a message's events, since we came; what was before is in the snapshot. */
  pauseIn({ events = [] }) {
    return events.findLast(({ event, seq }) => event === "session_paused" && seq >= this.next_seq)?.payload ?? null;
  }

  #snapshot({ session, next_seq }) {
    this.session = session;
    this.next_seq = next_seq;
    this.paused = session.paused;
    if (this.cues.length === 0) {
      this.cues = session.card.cues.map(({ id, topic, kind, says, emotion }) => ({ id, topic, kind, says, emotion, state: "waiting", at_ms: null }));
    }
  }

  #event({ seq, media_ms, event, payload }) {
    if (seq <= this.seen) return;
    this.seen = seq;
    this.media_ms = Math.max(this.media_ms, media_ms);
    this[`_${event}`]?.(payload, media_ms);
  }

  #end() {
    this.over = true;
    this.speaking = null;
    for (const cue of this.cues) if (cue.state !== "told") cue.state = "missed";
  }

  #line(key, role, at_ms) {
    let line = this.lines.find((known) => known.key === key);
    if (!line) {
      line = { key, role, text: "", settled: 0, done: false, interrupted: false, typed: false, at_ms, turn: null, intent: null, cues: [] };
      this.lines.push(line);
    }
    return line;
  }

  #cue(id, state, at_ms) {
    const cue = this.cues.find((known) => known.id === id);
    if (cue && !(cue.state === "told" && state === "next")) Object.assign(cue, { state, at_ms });
    return cue;
  }

  _session_started() {
    this.began = true;
  }

  _session_paused({ paused }) {
    this.paused = paused;
  }

  _session_ended() {
    this.#end();
  }

  _speech_started({ turn, at_ms }) {
    this.speaking = "candidate";
    this.#line(`c${turn}`, "candidate", at_ms).turn = turn;
  }

  _speech_stopped() {
    if (this.speaking === "candidate") this.speaking = null;
  }

  _transcript_partial({ turn, text, stable_words }, media_ms) {
    const line = this.#line(`c${turn}`, "candidate", media_ms);
    if (line.done) return;
    Object.assign(line, { turn, text, settled: stable_words });
  }

  _turn_committed({ turn, text, from_ms, to_ms, typed }) {
    const line = this.#line(`c${turn}`, "candidate", from_ms);
    Object.assign(line, { turn, text, done: true, typed: Boolean(typed), at_ms: from_ms, settled: Infinity });
    if (!typed) this.turns.push({ role: "candidate", from_ms, to_ms, words: text.split(/\s+/).filter(Boolean).length });
    this._speech_stopped();
  }

  _turn_ignored({ turn }) {
    this.lines = this.lines.filter(({ key, done }) => key !== `c${turn}` || done);
    this._speech_stopped();
  }

  _utterance_interpreted({ turn, act, cues, asks, subjects }, media_ms) {
    const line = this.#line(`c${turn}`, "candidate", media_ms);
    const [likeliest, sure] = Object.entries(cues).sort(([, a], [, b]) => b - a)[0] ?? [null, 0];
    const topic = sure >= SURE ? (this.cues.find(({ id }) => id === likeliest)?.topic ?? null) : null;
    const subject = Object.entries(subjects ?? {}).sort(([, a], [, b]) => b - a)[0]?.[0] ?? null;
    const was = line.intent?.asks ?? false;
    line.intent = { act, topic, subject, asks: asks >= SURE };
    this.questions += Number(line.intent.asks) - Number(was);
  }

  _reply_proposed({ cues }, media_ms) {
    for (const id of cues) this.#cue(id, "next", media_ms);
  }

  _reply_started({ reply }, media_ms) {
    this.speaking = "patient";
    this.#line(`p${reply}`, "patient", media_ms);
  }

  _reply_held() {
    if (this.speaking === "patient") this.speaking = null;
  }

  _reply_resumed() {
    this.speaking = "patient";
  }

  _clause_spoken({ reply, text }, media_ms) {
    const line = this.#line(`p${reply}`, "patient", media_ms);
    if (!line.done) Object.assign(line, { text: `${line.text} ${text}`.trim(), settled: Infinity });
  }

  _reply_finished({ reply, status, heard, played_ms }, media_ms) {
    if (this.speaking === "patient") this.speaking = null;
    const line = this.#line(`p${reply}`, "patient", media_ms);
    Object.assign(line, { text: heard, done: true, interrupted: status !== "completed", settled: Infinity });
    if (!heard) this.lines = this.lines.filter((known) => known !== line);
    else this.turns.push({ role: "patient", from_ms: line.at_ms, to_ms: line.at_ms + played_ms, words: heard.split(/\s+/).length });
    // What was to be told and was not heard is not told.
    for (const cue of this.cues) if (cue.state === "next") Object.assign(cue, { state: "waiting", at_ms: null });
  }

  _reply_truncated({ reply, heard }) {
    const line = this.lines.find(({ key }) => key === `p${reply}`);
    if (line) Object.assign(line, { text: heard, interrupted: true });
  }

  _cue_heard({ cue, reply }, media_ms) {
    const known = this.#cue(cue, "told", media_ms);
    const line = this.lines.find(({ key }) => key === `p${reply}`);
    if (known && line && !line.cues.includes(known.topic)) line.cues.push(known.topic);
  }

  _cue_unheard({ cue, reply }) {
    const known = this.#cue(cue, "waiting", null);
    const line = this.lines.find(({ key }) => key === `p${reply}`);
    if (known && line) line.cues = line.cues.filter((topic) => topic !== known.topic);
  }

  _sound_advice({ kind }, at_ms) {
    this.marks.push({ kind: "sound", what: kind, text: "", at_ms });
  }

  _problem({ code, message }, at_ms) {
    this.marks.push({ kind: "problem", what: code, text: message, at_ms });
  }

  _problem_reported({ kind, text }, at_ms) {
    this.marks.push({ kind: "problem", what: kind, text, at_ms });
  }

  _incident_raised({ what, reason }, at_ms) {
    this.marks.push({ kind: "incident", what, text: reason, at_ms });
  }

  _distress_noticed({ kind, text }, at_ms) {
    this.marks.push({ kind: "distress", what: kind, text, at_ms });
  }
}

/** Return the figures of the turns so far; null where there is nothing to tell. Times are milliseconds. */
export function runningMeasures({ turns, questions }) {
  const of = (role) => turns.filter((turn) => turn.role === role);
  const length = (list) => list.reduce((sum, { from_ms, to_ms }) => sum + Math.max(0, to_ms - from_ms), 0);
  const mine = of("candidate");
  const candidate_ms = length(mine);
  const all_ms = candidate_ms + length(of("patient"));
  const spoken = mine.reduce((sum, turn) => sum + turn.words, 0);
  const answers = [];
  turns.forEach((turn, index) => {
    const before = turns[index - 1];
    if (turn.role === "candidate" && before?.role === "patient") answers.push(Math.max(0, turn.from_ms - before.to_ms));
  });
  return {
    turns: mine.length,
    share: all_ms > 0 ? candidate_ms / all_ms : null,
    words_per_min: candidate_ms > 0 ? (60000 * spoken) / candidate_ms : null,
    answer_ms: answers.length > 0 ? answers.reduce((a, b) => a + b, 0) / answers.length : null,
    longest_ms: mine.length > 0 ? Math.max(...mine.map(({ from_ms, to_ms }) => to_ms - from_ms)) : null,
    questions,
  };
}
