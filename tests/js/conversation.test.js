import assert from "node:assert/strict";
import { test } from "node:test";

import { Conversation } from "../../static/core/conversation.js";

const EVENTS = {
  started: { type: "interlocutor.session.started", session_s: 300 },
  speech: { type: "input_audio_buffer.speech_started", item_id: "c1" },
  pause: { type: "input_audio_buffer.speech_stopped", item_id: "c1" },
  ignored: { type: "interlocutor.turn.ignored", turn: 0, reason: "noise" },
  response: { type: "response.created", response: { id: "r1" } },
  sound: { type: "response.output_audio.delta", item_id: "p1", delta: "" },
  done: { type: "response.done", response: { id: "r1", status: "completed" } },
  cancelled: { type: "response.done", response: { id: "r1", status: "cancelled" } },
  clear: { type: "interlocutor.playout.clear", item_id: "p1", heard_ms: 100 },
  ended: { type: "interlocutor.session.ended", reason: "time_limit" },
};
const REPORTS = ["heard", "progress", "silent", "cut"];
const KINDS = { heard: "started", progress: "progress", silent: "ended", cut: "cleared" };

/** Run steps and return the states after each. */
function states(conversation, ...steps) {
  return steps.map((step) => {
    if (REPORTS.includes(step)) conversation.played({ kind: KINDS[step], item_id: "p1", played_ms: 0 }, 0);
    else conversation.receive(EVENTS[step], 0);
    return conversation.state;
  });
}

test("one turn", () => {
  const steps = ["started", "speech", "pause", "response", "sound", "done", "heard", "progress", "silent"];
  assert.deepEqual(states(new Conversation(), ...steps), [
    "listening",
    "hearing",
    "thinking",
    "thinking",
    "thinking",
    "thinking", // all was sent, nothing was heard yet
    "speaking",
    "speaking",
    "listening",
  ]);
});

test("the patient goes on speaking over a gap in its sound", () => {
  const conversation = new Conversation();
  states(conversation, "started", "speech", "pause", "response", "sound", "heard");
  assert.deepEqual(states(conversation, "silent", "sound", "heard", "done", "silent").at(0), "speaking");
  assert.equal(conversation.state, "listening");
});

test("a pause that is no end of turn", () => {
  assert.deepEqual(states(new Conversation(), "started", "speech", "pause", "speech"), [
    "listening",
    "hearing",
    "thinking",
    "hearing",
  ]);
});

test("an interruption: the candidate has the floor, whatever the cut reply still reports", () => {
  const conversation = new Conversation();
  states(conversation, "started", "speech", "pause", "response", "sound", "heard");
  assert.deepEqual(states(conversation, "speech", "clear", "cut", "cancelled", "sound", "pause"), [
    "hearing",
    "hearing",
    "hearing",
    "hearing",
    "hearing",
    "thinking",
  ]);
  assert.deepEqual([...conversation.unheard], []);
});

test("a reply that is taken back without an interruption gives the turn back", () => {
  const conversation = new Conversation();
  states(conversation, "started", "speech", "pause", "response", "sound", "heard");
  assert.deepEqual(states(conversation, "clear", "cut", "cancelled"), ["speaking", "speaking", "listening"]);
});

test("a reply without sound gives the turn back", () => {
  assert.equal(states(new Conversation(), "started", "speech", "pause", "response", "done").at(-1), "listening");
});

test("a held reply that is thrown away while the patient thinks is not seen", () => {
  assert.equal(states(new Conversation(), "started", "speech", "pause", "response", "cancelled").at(-1), "thinking");
});

test("the patient may begin", () => {
  const conversation = new Conversation({ patient_first: true });
  const steps = ["started", "response", "sound", "done", "heard", "silent"];
  assert.deepEqual(states(conversation, ...steps), ["thinking", "thinking", "thinking", "thinking", "speaking", "listening"]);
});

test("what was only a noise gives the turn back at once, but not while one speaks again", () => {
  assert.equal(states(new Conversation(), "started", "speech", "pause", "ignored").at(-1), "listening");
  assert.equal(states(new Conversation(), "started", "speech", "pause", "speech", "ignored").at(-1), "hearing");
});

test("when no answer comes it is the candidate's turn again", () => {
  const conversation = new Conversation();
  states(conversation, "started", "speech", "pause");
  assert.equal(conversation.tick(7999), false);
  assert.equal(conversation.tick(8000), true);
  assert.equal(conversation.state, "listening");
});

test("a slow answer is waited for", () => {
  const conversation = new Conversation();
  states(conversation, "started", "speech", "pause", "response");
  assert.equal(conversation.tick(60000), false);
  assert.equal(conversation.state, "thinking");
});

test("after the end nothing changes any more", () => {
  const conversation = new Conversation();
  assert.deepEqual(states(conversation, "started", "ended", "speech", "heard", "silent"), [
    "listening",
    "ended",
    "ended",
    "ended",
    "ended",
  ]);
  assert.equal(conversation.ended_reason, "time_limit");
});

test("turns and the last latency are counted", () => {
  const conversation = new Conversation();
  states(conversation, "started", "speech", "pause", "speech");
  conversation.receive({ type: "interlocutor.turn.latency", voice_to_voice_ms: 812 }, 0);
  assert.equal(conversation.turns, 2);
  assert.equal(conversation.last_latency_ms, 812);
});

/** A conversation in which the patient speaks. */
function speaking() {
  const conversation = new Conversation();
  states(conversation, "started", "speech", "pause", "response", "sound", "heard");
  return conversation;
}

const held = { kind: "held", item_id: "p1", played_ms: 500 };
const resumed = { kind: "resumed", item_id: "p1", played_ms: 400 };

test("a short hold does not show", () => {
  const conversation = speaking();
  assert.equal(conversation.played(held, 1000), false);
  assert.equal(conversation.tick(1399), false);
  assert.equal(conversation.state, "speaking");
  assert.equal(conversation.played(resumed, 1399), false);
  assert.equal(conversation.tick(5000), false);
  assert.equal(conversation.state, "speaking");
});

test("a long hold shows that the candidate is being heard, until the patient goes on", () => {
  const conversation = speaking();
  conversation.played(held, 1000);
  conversation.played(held, 1300); // told again: it is the same hold
  assert.equal(conversation.tick(1400), true);
  assert.equal(conversation.state, "hearing");
  assert.equal(conversation.tick(1500), false);
  assert.equal(conversation.played(resumed, 1600), true);
  assert.equal(conversation.state, "speaking");
});

test("a hold that ends with the patient yielding goes on as hearing", () => {
  for (const now_ms of [1100, 1500]) {
    const conversation = speaking();
    conversation.played(held, 1000);
    conversation.tick(now_ms);
    assert.deepEqual(states(conversation, "speech", "clear", "cut", "cancelled"), Array(4).fill("hearing"));
    assert.equal(conversation.tick(9000), false);
  }
});

test("a held reply that is cancelled leaves the floor to the candidate", () => {
  const conversation = speaking();
  conversation.played(held, 1000);
  conversation.tick(1500);
  states(conversation, "clear", "cut", "cancelled");
  assert.equal(conversation.state, "listening");
});
