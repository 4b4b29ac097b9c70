import assert from "node:assert/strict";
import { test } from "node:test";

import { Captions } from "../../static/core/captions.js";

const partial = (text, stable_words, item_id = "c1") => ({
  type: "interlocutor.transcript.partial",
  item_id,
  turn: 0,
  text,
  stable_words,
});
const delta = (text, item_id = "c1") => ({
  type: "conversation.item.input_audio_transcription.delta",
  item_id,
  content_index: 0,
  delta: text,
});
const completed = (transcript, item_id = "c1") => ({
  type: "conversation.item.input_audio_transcription.completed",
  item_id,
  content_index: 0,
  transcript,
});
const spoken = (text, item_id = "p1") => ({ type: "response.output_audio_transcript.delta", item_id, delta: text });

const shown = (captions) => captions.visible.map((line) => `${line.role}: ${line.stable}|${line.tentative}`);

test("a provisional text shows which words are sure", () => {
  const captions = new Captions();
  captions.receive(partial("hello I", 0));
  assert.deepEqual(shown(captions), ["candidate: |hello I"]);
  captions.receive(partial("hello I am the", 2));
  assert.deepEqual(shown(captions), ["candidate: hello I|am the"]);
  captions.receive(completed("Hello, I am the nurse."));
  assert.deepEqual(shown(captions), ["candidate: Hello, I am the nurse.|"]);
});

test("deltas only ever add, and provisional words follow them", () => {
  const captions = new Captions();
  captions.receive(partial("how are you today", 0));
  captions.receive(delta("How are"));
  assert.deepEqual(shown(captions), ["candidate: How are|you today"]);
  captions.receive(delta(" you"));
  assert.deepEqual(shown(captions), ["candidate: How are you|today"]);
  captions.receive(partial("who are you to", 0));
  assert.deepEqual(shown(captions), ["candidate: How are you|to"]);
});

test("what comes late does not change a finished line", () => {
  const captions = new Captions();
  captions.receive(completed("Good morning."));
  captions.receive(partial("good mourning", 0));
  captions.receive(delta("good"));
  assert.deepEqual(shown(captions), ["candidate: Good morning.|"]);
});

test("the patient's line grows as it comes, and ends as the server says", () => {
  const captions = new Captions();
  captions.receive(spoken("I have "));
  captions.receive(spoken("been better."));
  assert.deepEqual(shown(captions), ["patient: I have been better.|"]);
  captions.receive({ type: "response.output_audio_transcript.done", item_id: "p1", transcript: "I have been better." });
  assert.equal(captions.visible[0].done, true);
});

test("lines stay in the order of the conversation", () => {
  const captions = new Captions();
  captions.receive({ type: "input_audio_buffer.speech_started", audio_start_ms: 0, item_id: "c1" });
  captions.receive(spoken("Yes?"));
  captions.receive(completed("Hello."));
  assert.deepEqual(shown(captions), ["candidate: Hello.|", "patient: Yes?|"]);
});

test("nothing is shown of a turn in which nothing was understood", () => {
  const captions = new Captions();
  captions.receive({ type: "input_audio_buffer.speech_started", audio_start_ms: 0, item_id: "c1" });
  captions.receive(completed(""));
  assert.deepEqual(captions.visible, []);
});

test("an interrupted line is marked and holds what was heard", () => {
  const captions = new Captions();
  captions.receive(spoken("Well, the thing is that I never"));
  captions.receive({ type: "conversation.item.truncated", item_id: "p1", audio_end_ms: 700 });
  captions.receive(spoken(" liked them."));
  captions.receive({
    type: "conversation.item.done",
    item: { id: "p1", role: "assistant", content: [{ type: "output_audio", transcript: "Well, the thing is" }] },
  });
  assert.deepEqual(shown(captions), ["patient: Well, the thing is|"]);
  assert.equal(captions.visible[0].interrupted, true);
});

test("events of no concern change nothing", () => {
  const captions = new Captions();
  assert.equal(captions.receive({ type: "response.done", response: {} }), null);
  assert.equal(captions.receive({ type: "conversation.item.truncated", item_id: "unknown" }), null);
  assert.equal(captions.receive({ type: "conversation.item.added", item: { id: "s", role: "system" } }), null);
  assert.deepEqual(captions.lines, []);
});

test("what was no speech after all leaves no words behind", () => {
  const captions = new Captions();
  captions.receive({ ...partial("mm", 0, "c1"), turn: 1 });
  captions.receive({ type: "interlocutor.turn.ignored", turn: 2, reason: "noise" });
  assert.deepEqual(shown(captions), ["candidate: |mm"]);
  captions.receive({ type: "interlocutor.turn.ignored", turn: 1, reason: "backchannel" });
  assert.deepEqual(shown(captions), []);
  captions.receive({ ...partial("yes", 1, "c1"), turn: 3 });
  captions.receive(completed("Yes."));
  captions.receive({ type: "interlocutor.turn.ignored", turn: 3, reason: "noise" });
  assert.deepEqual(shown(captions), ["candidate: Yes.|"]);
});

test("what was asked by a button is a line of its own, whole at once", () => {
  const captions = new Captions();
  const item = { id: "item_t1", role: "user", content: [{ type: "input_text", text: "Say that again?" }] };
  captions.receive({ type: "conversation.item.added", item });
  const [line] = captions.visible;
  assert.deepEqual([line.stable, line.done, line.typed, line.role], ["Say that again?", true, true, "candidate"]);
});
