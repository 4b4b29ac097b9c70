import assert from "node:assert/strict";
import { test } from "node:test";

import { Captions } from "../../static/core/captions.js";
import { isUnclear, pieces, spokenText, UNCLEAR_BELOW, unclearOf, unclearWords } from "../../static/core/clarity.js";

const logprobs = (...sure) => sure.map(([token, confidence]) => ({ token, logprob: Math.log(confidence), bytes: [] }));
const SAID = "I take asprin daily.";
const HEARD = logprobs(["I", 0.95], [" take", UNCLEAR_BELOW], [" asprin", UNCLEAR_BELOW - 0.001], [" daily.", 0.31]);

test("a word below the threshold is not clear, one at it or of unknown confidence is", () => {
  assert.deepEqual([null, undefined, 0, UNCLEAR_BELOW - 0.001, UNCLEAR_BELOW, 1].map(isUnclear), [false, false, true, true, false, false]);
  assert.deepEqual(unclearOf([["I", 0, 100, 0.1], ["take", 100, 200, null], ["it", 200, 300], ["now", 300, 400, 0.2]]), [0, 3]);
});

test("log probabilities tell of words only where they are those of the transcript's words", () => {
  assert.deepEqual(unclearWords(SAID, HEARD), [2]);
  assert.deepEqual(unclearWords(SAID, null), []);
  assert.deepEqual(unclearWords(SAID, undefined), []);
  assert.deepEqual(unclearWords(SAID, HEARD.slice(1)), []);
  assert.deepEqual(unclearWords("I took asprin daily.", HEARD), []);
});

test("rounding on the way does not move a word over the threshold", () => {
  const logprob = Number(Math.log(UNCLEAR_BELOW).toFixed(4));
  assert.ok(Math.exp(logprob) < UNCLEAR_BELOW);
  assert.deepEqual(unclearWords("Now", [{ token: "Now", logprob, bytes: [] }]), []);
});

test("the pieces of a text are the text", () => {
  const cut = (unclear) => pieces(SAID, unclear).map((piece) => (piece.unclear ? `[${piece.text}]` : piece.text));
  assert.deepEqual(cut([]), [SAID]);
  assert.deepEqual(cut([2]), ["I take ", "[asprin]", " daily."]);
  assert.deepEqual(cut([0, 1, 3]), ["[I]", " ", "[take]", " asprin ", "[daily.]"]);
  assert.deepEqual(pieces("", []), []);
  for (const unclear of [[], [0], [1, 2], [0, 1, 2, 3]]) {
    assert.equal(pieces(SAID, unclear).map((piece) => piece.text).join(""), SAID);
  }
  assert.equal(spokenText(SAID, [2], "not clear"), "I take asprin (not clear) daily.");
});

test("a caption knows its unclear words once it is complete", () => {
  const captions = new Captions();
  const partial = { type: "interlocutor.transcript.partial", item_id: "c1", turn: 1, text: "I take", stable_words: 1 };
  assert.deepEqual(captions.receive(partial).unclear, []);
  const type = "conversation.item.input_audio_transcription.completed";
  assert.deepEqual(captions.receive({ type, item_id: "c1", transcript: SAID, logprobs: HEARD }).unclear, [2]);
  assert.deepEqual(captions.receive({ type, item_id: "c2", transcript: SAID, logprobs: null }).unclear, []);
  assert.equal(captions.visible[0].stable, SAID); // the word stays
});
