import assert from "node:assert/strict";
import { test } from "node:test";

import { base64ToBytes, bytesToBase64 } from "../../static/core/base64.js";
import { isFault, outgoing, parseEvent, socketAddress, subprotocols } from "../../static/core/protocol.js";

test("base64 round-trips every byte, also more than one call's worth", () => {
  const bytes = Uint8Array.from({ length: 20000 }, (_, i) => (i * 7) % 256);
  assert.deepEqual(base64ToBytes(bytesToBase64(bytes)), bytes);
  assert.equal(bytesToBase64(new Uint8Array([1, 2, 3])), "AQID");
  assert.equal(bytesToBase64(new Uint8Array(0)), "");
});

test("text that is not base64 is refused", () => {
  assert.throws(() => base64ToBytes("*"));
});

test("a frame goes out as little-endian PCM", () => {
  const message = JSON.parse(outgoing.append(Int16Array.of(1, -2)));
  assert.equal(message.type, "input_audio_buffer.append");
  assert.deepEqual([...base64ToBytes(message.audio)], [1, 0, 0xfe, 0xff]);
});

test("only the frame's own part of a larger buffer goes out", () => {
  const part = Int16Array.of(9, 5, 9).subarray(1, 2);
  assert.deepEqual([...base64ToBytes(JSON.parse(outgoing.append(part)).audio)], [5, 0]);
});

test("control messages have the names and fields of the protocol", () => {
  assert.deepEqual(JSON.parse(outgoing.configure()), { type: "interlocutor.client.configure", playout_acks: true });
  assert.equal(JSON.parse(outgoing.configure(false)).echo_cancellation, false);
  assert.equal(JSON.parse(outgoing.configure(true)).echo_cancellation, true);
  assert.deepEqual(JSON.parse(outgoing.playout("a", 120)), { type: "interlocutor.playout", item_id: "a", played_ms: 120 });
  assert.deepEqual(JSON.parse(outgoing.end()), { type: "interlocutor.session.end" });
});

test("the token travels as a subprotocol", () => {
  assert.deepEqual(subprotocols("abc"), ["realtime", "openai-insecure-api-key.abc"]);
  assert.deepEqual(subprotocols(null), ["realtime"]);
});

test("the address is the server's path on the page's host, secure when the page is", () => {
  const page = (href) => new URL(href);
  assert.equal(
    socketAddress("ws://inside:8000/v1/realtime?session=7", page("https://oet.example/")),
    "wss://oet.example/v1/realtime?session=7",
  );
  assert.equal(socketAddress("/v1/realtime", page("http://127.0.0.1:8080/")), "ws://127.0.0.1:8080/v1/realtime");
});

test("events are taken when the fields the page needs are there", () => {
  const text = JSON.stringify({ type: "interlocutor.session.started", session_s: 300, event_id: "e", more: 1 });
  assert.equal(parseEvent(text).session_s, 300);
  assert.equal(parseEvent('{"type":"something.new"}').type, "something.new");
});

test("what is not an event is left out", () => {
  const bad = [
    "no json",
    "null",
    "[]",
    "{}",
    '{"type":7}',
    '{"type":"response.created"}',
    '{"type":"response.created","response":null}',
    '{"type":"response.output_audio.delta","item_id":"a","delta":5}',
    '{"type":"interlocutor.turn.latency","voice_to_voice_ms":"812"}',
  ];
  for (const text of bad) assert.equal(parseEvent(text), null, text);
});

test("a message that crossed the end of what it is about is no mistake", () => {
  const refused = (code) => ({ type: "error", error: { code } });
  assert.equal(isFault(refused("response_cancel_not_active")), false);
  assert.equal(isFault(refused("session.over")), false);
  assert.equal(isFault(refused("input_audio_buffer_commit_empty")), false);
  assert.equal(isFault(refused("protocol.invalid_field")), true);
  assert.equal(isFault({ type: "session.updated" }), false);
});
