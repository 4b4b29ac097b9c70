import assert from "node:assert/strict";
import { test } from "node:test";

import { byProfession, seconds, talkPercent } from "../../static/core/cards.js";
import { Countdown, formatClock, formatElapsed, Milestones } from "../../static/core/clock.js";
import { Flow } from "../../static/core/flow.js";
import { closeProblem, environmentProblem, httpProblem, microphoneProblem } from "../../static/core/problems.js";
import { Uplink } from "../../static/core/uplink.js";
import { STATES } from "../../static/core/conversation.js";
import { strings } from "../../static/strings.js";

test("clocks round up while something is left, and recordings' times down", () => {
  assert.equal(formatClock(180000), "3:00");
  assert.equal(formatClock(179001), "3:00");
  assert.equal(formatClock(1), "0:01");
  assert.equal(formatClock(0), "0:00");
  assert.equal(formatClock(-5), "0:00");
  assert.equal(formatElapsed(61999), "1:01");
});

test("a count-down follows its clock and stops at nothing", () => {
  let now_ms = 1000;
  const countdown = new Countdown(5000, () => now_ms);
  assert.equal(countdown.left_ms, 5000);
  now_ms = 4000;
  assert.equal(countdown.left_ms, 2000);
  assert.equal(countdown.over, false);
  now_ms = 9000;
  assert.equal(countdown.left_ms, 0);
  assert.equal(countdown.over, true);
});

test("each milestone is told once, and only the latest when several have passed", () => {
  const milestones = new Milestones([10000, 60000, 300000], 180000);
  assert.equal(milestones.reached(120000), null);
  assert.equal(milestones.reached(60000), 60000);
  assert.equal(milestones.reached(59000), null);
  assert.equal(milestones.reached(9000), 10000);
  assert.equal(milestones.reached(0), null);
  assert.equal(new Milestones([60000, 10000], 180000).reached(5000), 10000);
});

test("the way through the page", () => {
  const flow = new Flow();
  const steps = ["choose", "agreed", "opened", "start", "started", "ended", "closed", "again", "failed"];
  assert.deepEqual(steps.map((step) => flow.take(step)), [
    "checking",
    "opening",
    "preparing",
    "connecting",
    "talking",
    "closing",
    "debrief",
    "opening",
    "checking",
  ]);
});

test("the way back to earlier role-plays", () => {
  const flow = new Flow();
  assert.deepEqual(["look_back", "open", "closed", "leave", "look_back", "leave"].map((step) => flow.take(step)), [
    "history",
    "closing",
    "debrief",
    "choosing",
    "history",
    "choosing",
  ]);
});

test("a step that is not there is refused, naming those that are", () => {
  const flow = new Flow();
  assert.equal(flow.can("start"), false);
  assert.throws(() => flow.take("start"), /"start" while choosing; expected one of: choose/);
  assert.equal(flow.screen, "choosing");
});

test("cards are grouped by profession, both sorted", () => {
  const card = (profession, title) => ({ profession, title });
  const cards = [card("pharmacy", "B"), card("nursing", "D"), card("nursing", "C")];
  const names = (groups) => groups.map(([profession, group]) => [profession, group.map(({ title }) => title)]);
  assert.deepEqual(names(byProfession(cards)), [
    ["nursing", ["C", "D"]],
    ["pharmacy", ["B"]],
  ]);
  assert.deepEqual(names(byProfession(cards, "pharmacy")), [["pharmacy", ["B"]]]);
  assert.deepEqual(byProfession([]), []);
});

test("talk share and latency are told in plain figures", () => {
  assert.equal(talkPercent({ candidate_ms: 5200, patient_ms: 2900, candidate_share: 0.642 }), 64);
  assert.equal(talkPercent({ candidate_ms: 1000, patient_ms: 3000, candidate_share: null }), 25);
  assert.equal(talkPercent({ candidate_ms: 0, patient_ms: 0, candidate_share: null }), null);
  assert.equal(seconds(812), "0.8");
});

test("what went wrong with the microphone is told apart", () => {
  const code = (name) => microphoneProblem(Object.assign(new Error("x"), { name })).code;
  assert.equal(code("NotAllowedError"), "microphone.denied");
  assert.equal(code("NotFoundError"), "microphone.none");
  assert.equal(code("NotReadableError"), "microphone.busy");
  assert.equal(code("SomethingElse"), "microphone.failed");
});

test("what the browser lacks is told", () => {
  const whole = {
    isSecureContext: true,
    navigator: { mediaDevices: { getUserMedia: () => {} } },
    AudioWorkletNode: class {},
    WebSocket: class {},
  };
  assert.equal(environmentProblem(whole), null);
  assert.equal(environmentProblem({ ...whole, isSecureContext: false, navigator: {} }).code, "origin.insecure");
  assert.equal(environmentProblem({ ...whole, navigator: {} }).code, "browser.old");
  assert.equal(environmentProblem({ ...whole, AudioWorkletNode: undefined }).code, "browser.old");
});

test("answers and closings of the server are told apart", () => {
  const full = httpProblem(503, { retry_after: "12" });
  assert.deepEqual([full.code, full.retry_after_s], ["server.full", 12]);
  assert.equal(httpProblem(503).retry_after_s, 30);
  assert.equal(httpProblem(503, { retry_after: "Wed, 21 Oct 2026 07:28:00 GMT" }).retry_after_s, 30);
  assert.equal(httpProblem(503, { code: "capacity.full" }).code, "server.full");
  assert.equal(httpProblem(503, { code: "capacity.not_ready", retry_after: "3" }).code, "server.not_ready");
  assert.equal(httpProblem(503, { code: "capacity.draining" }).code, "server.draining");
  const limited = httpProblem(429, { code: "access.too_many", retry_after: "6" });
  assert.deepEqual([limited.code, limited.retry_after_s], ["server.too_many", 6]);
  assert.equal(httpProblem(400, { code: "card.unknown" }).code, "card.unknown");
  assert.equal(httpProblem(404).code, "card.unknown");
  assert.equal(httpProblem(404, { code: "session.gone" }).code, "session.expired");
  assert.equal(httpProblem(401).code, "session.expired");
  assert.equal(httpProblem(500).code, "server.failed");
  assert.equal(closeProblem(1006).code, "connection.lost");
  assert.equal(closeProblem(1008).code, "session.expired");
  assert.equal(closeProblem(1013).code, "server.full");
});

test("every problem and every state has its words", () => {
  const codes = [
    ...["NotAllowedError", "NotFoundError", "NotReadableError", "?"].map((name) => microphoneProblem({ name }).code),
    ...[503, 404, 401, 500].map((status) => httpProblem(status).code),
    ...[1006, 1008, 1013].map((close_code) => closeProblem(close_code).code),
    "origin.insecure",
    "browser.old",
    "server.unreachable",
    "server.too_many",
    "server.not_ready",
    "server.draining",
  ];
  for (const code of codes) {
    assert.ok(strings.problems[code]?.title, code);
    assert.ok(strings.problems[code].body.endsWith("."), code);
  }
  for (const state of STATES) assert.ok(strings.talk.states[state]?.name, state);
});

test("a voice for demonstration is named by whose it is", () => {
  const { plain_voice, synthesiser } = strings.choose;
  assert.equal(plain_voice(["female"]), "the voice of women");
  assert.equal(plain_voice(["male"]), "the voice of men");
  assert.equal(plain_voice(["female", "male"]), synthesiser);
  assert.equal(plain_voice([]), synthesiser);
});

test("demonstrations are named in a sentence", () => {
  const { list, demonstration, recogniser, interpreter, responder, synthesiser } = strings.choose;
  assert.match(demonstration(list([recogniser])), /speech recognition is for demonstration/);
  assert.match(demonstration(list([recogniser, synthesiser])), /speech recognition and the patient's voice are for/);
  assert.match(
    demonstration(list([recogniser, interpreter, responder, synthesiser])),
    /speech recognition, the understanding of questions, the wording of answers and the patient's voice are for/,
  );
});

test("while the network keeps up, sound is sent at once", () => {
  const sent = [];
  const uplink = new Uplink({ send: (m) => sent.push(m), buffered_bytes: () => 0, on_dropped: assert.fail });
  for (let i = 0; i < 100; i += 1) uplink.push(`frame ${i}`);
  assert.equal(sent.length, 100);
});

test("when the network stops, about a second is kept, and the oldest is given up", () => {
  const sent = [];
  let buffered = 0;
  let dropped = 0;
  const uplink = new Uplink({
    send: (message) => {
      sent.push(message);
      buffered += message.length;
    },
    buffered_bytes: () => buffered,
    on_dropped: (frames) => (dropped += frames),
  });
  const message = (i) => `frame ${String(i).padStart(4, "0")}`;
  for (let i = 0; i < 200; i += 1) uplink.push(message(i)); // 4 s of sound
  assert.equal(sent.length, 25);
  assert.equal(uplink.held.length, 25);
  assert.equal(dropped, 150);
  buffered = 0;
  uplink.push(message(200));
  assert.equal(sent[25], message(175)); // the newest half second goes on, in order
  assert.equal(sent.at(-1), message(199));
  assert.equal(dropped, 150);
});
