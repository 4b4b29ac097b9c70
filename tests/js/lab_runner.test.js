import assert from "node:assert/strict";
import { test } from "node:test";

import { Problem } from "../../static/core/problems.js";
import { Runner } from "../../static/lab/runner.js";

const FRAME_MS = 20;
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** The sound card's part: time goes on when a test says so. */
class Stage {
  now_ms = 0;
  media_ms = 0;
  #rest_ms = 0;
  #index = null;

  begin() {}

  flow() {
    this.media_ms = 0;
  }

  end() {
    this.onframe = () => {};
  }

  say(samples, marks) {
    this.#rest_ms = samples.length;
    this.#index = marks[0].index;
  }

  /** Let 20 ms pass. */
  frame() {
    if (this.#index !== null) {
      this.onbegan(this.#index, this.now_ms, this.media_ms);
      this.#index = null;
    }
    this.now_ms += FRAME_MS;
    this.media_ms += FRAME_MS;
    if (this.#rest_ms > 0) {
      this.#rest_ms -= FRAME_MS;
      if (this.#rest_ms <= 0) {
        this.onspoken();
        this.talk.heard();
      }
    }
    this.onframe({ pcm: null, at_ms: this.now_ms });
  }
}

/** The server's part: answers each turn `after_ms` after its voice, for 200 ms; null: never. */
class Talk {
  same_clock = true;
  sent = [];
  frames = 0;

  constructor(stage, { after_ms = 300, limit_ms = Infinity, refuse = false } = {}) {
    Object.assign(this, { stage, after_ms, limit_ms, refuse, replies: 0, due_ms: null });
  }

  async connect() {}

  close() {
    this.closed = true;
  }

  send(text) {
    const { type } = JSON.parse(text);
    this.sent.push(JSON.parse(text));
    if (type === "session.update") {
      queueMicrotask(() => this.onevent(this.refuse ? { type: "error", error: { message: "not allowed" } } : { type: "session.updated" }));
    }
    if (type === "interlocutor.session.end") queueMicrotask(() => this.onevent({ type: "interlocutor.session.ended", reason: "ended" }));
  }

  push() {
    this.frames += 1;
    const { now_ms } = this.stage;
    if (this.frames * FRAME_MS >= this.limit_ms) this.onevent({ type: "interlocutor.session.ended", reason: "time_limit" });
    if (this.due_ms !== null && now_ms >= this.due_ms) this.#answer();
    return true;
  }

  /** Be told that a turn was spoken. */
  heard() {
    if (this.after_ms !== null) this.due_ms = this.stage.now_ms + this.after_ms;
  }

  #answer() {
    const { now_ms, onsound } = this.stage;
    this.due_ms = null;
    this.replies += 1;
    this.onevent({ type: "conversation.item.input_audio_transcription.completed", item_id: `item_c${this.replies}`, transcript: "a" });
    const response = { id: `resp_${this.replies}`, output: [{ content: [{ transcript: "Yes." }] }] };
    this.onevent({ type: "response.created", response });
    onsound(true, now_ms);
    onsound(false, now_ms + 10);
    this.onevent({ type: "response.done", response });
  }
}

const turn = (source, text) => ({
  text,
  expect: null,
  source,
  samples: new Float32Array(400), // one for each ms: what the stage above needs
  voiced_from_ms: 0,
  voiced_to_ms: 400,
  recorded_from_ms: 0,
  start: 0,
});
const recording = (name, { turns = 1, card = "known", fault = null } = {}) => ({
  name,
  read: async () => {
    if (fault) throw fault;
    return { name, card, samples: new Float32Array(1), turns: Array.from({ length: turns }, (_, i) => turn(name, `turn ${i}`)) };
  },
});

const api = {
  openSession: async (card) => {
    if (card !== "known") throw new Problem("card.unknown");
    return { id: card };
  },
  topicsTold: async () => ["Sleep"],
  waits: async () => [{ turn: 1, words: "Waited." }, { turn: 7, words: "It was nobody's." }],
};
const OPTIONS = { card: null, other_card: "known", repeats: 1, silence_ms: null, as_recorded: false };

/** Run recordings; `each(runner, talk)` is called before every frame. */
async function run(recordings, { options = {}, server = {}, each = () => {} } = {}) {
  const stage = new Stage();
  const talks = [];
  const make_talk = () => {
    const talk = new Talk(stage, server);
    stage.talk = talk;
    talks.push(talk);
    return talk;
  };
  const runner = new Runner(recordings, { ...OPTIONS, ...options }, { sound: stage, api, make_talk });
  let over = false;
  const running = runner.run().finally(() => (over = true));
  running.catch(() => {}); // the test awaits it below
  while (!over) {
    await settled();
    if (!stage.onframe) continue;
    each(runner, stage.talk);
    stage.frame();
  }
  await running;
  return { runner, talks };
}

test("recordings run one after another, each in a session of its own, as often as asked for", async () => {
  const { runner, talks } = await run([recording("a", { turns: 2 }), recording("b")], { options: { repeats: 2 } });
  const names = ["a turn 0", "a turn 1", "b turn 0"];
  assert.deepEqual(runner.repeats.map((turns) => turns.map(({ source, text }) => `${source} ${text}`)), [names, names]);
  for (const { voice_to_voice_ms, said } of runner.repeats.flat()) {
    assert.ok(voice_to_voice_ms >= 300 && voice_to_voice_ms <= 340, String(voice_to_voice_ms));
    assert.equal(said, "Yes.");
  }
  assert.deepEqual(runner.repeats[0].map(({ waits }) => waits.map(({ words }) => words)), [["Waited."], [], ["Waited."]]);
  assert.equal(talks.length, 4);
  assert.ok(talks.every(({ closed, sent }) => closed && sent.length === 1 && sent[0].type === "interlocutor.session.end"));
  assert.deepEqual([runner.troubles, [...runner.topics_told], [...runner.cards]], [[], ["Sleep"], ["known"]]);
});

test("the wait that was asked for is set before the first sound; a server that refuses it ends the run", async () => {
  const { talks } = await run([recording("a")], { options: { silence_ms: 700 } });
  assert.equal(talks[0].sent[0].session.audio.input.turn_detection.silence_duration_ms, 700);
  await assert.rejects(run([recording("a")], { options: { silence_ms: 700 }, server: { refuse: true } }), { detail: "not allowed" });
});

test("stopped: what was answered is kept, what was not is left out, and no other recording begins", async () => {
  const each = (runner, talk) => {
    if (talk.replies === 1 && !runner.stopped && talk.stage.media_ms > 1800) runner.stop(); // in the second turn
  };
  const { runner, talks } = await run([recording("a", { turns: 3 }), recording("b")], { each });
  assert.deepEqual(runner.repeats.map((turns) => turns.map(({ text }) => text)), [["turn 0"]]);
  assert.deepEqual([talks.length, talks[0].closed, runner.troubles], [1, true, []]);
});

test("what cannot be used is left out and told; the others run", async () => {
  const wrong = Object.assign(new Problem("server.failed", { detail: "its truth file can't be used" }), { status: 409 });
  const { runner } = await run([
    recording("noise", { fault: new Problem("lab.no_speech") }),
    recording("wrong", { fault: wrong }),
    recording("elsewhere", { card: "another" }),
    recording("good"),
  ]);
  assert.deepEqual(runner.repeats.map((turns) => turns.map(({ source }) => source)), [["good"]]);
  assert.equal(runner.troubles.length, 3);
  for (const [index, told] of [/noise/, /wrong: its truth file/, /elsewhere is for the card another/].entries()) {
    assert.match(runner.troubles[index], told);
  }
  await assert.rejects(run([recording("a", { fault: new Problem("server.unreachable") })]), { code: "server.unreachable" });
});

test("a session that is over too early is told with what was not spoken", async () => {
  const { runner } = await run([recording("a", { turns: 5 })], { server: { limit_ms: 2000 } });
  assert.match(runner.troubles[0], /time_limit.* 3 turns/);
  assert.equal(runner.repeats[0].length, 2);
});

test("a patient who never answers is given up after a while", async () => {
  const { runner } = await run([recording("a")], { server: { after_ms: null } });
  assert.deepEqual(runner.repeats[0].map(({ answers, voice_to_voice_ms }) => [answers, voice_to_voice_ms]), [[0, null]]);
});
