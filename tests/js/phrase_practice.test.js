import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";

import { PhrasePractice } from "../../static/ui/phrase_practice.js";

/** As much of an element as a phrase needs. */
class Element {
  dataset = {};
  textContent = "";
  setAttribute() {}
  addEventListener(name, run) {
    this[`on_${name}`] = run;
  }
  append(...children) {
    this.textContent += children.filter((child) => typeof child === "string").join("");
  }
}

class Recorder {
  static made = 0;
  state = "inactive";
  constructor() {
    Recorder.made += 1;
  }
  start() {
    this.state = "recording";
  }
  stop() {
    this.state = "inactive";
    this.onstop();
  }
}

const page = { played: 0, asked: [], stopped: 0 };
globalThis.document = { createElement: () => new Element(), getElementById: () => new Element() };
globalThis.Audio = class {
  pause() {}
  async play() {
    page.played += 1;
  }
};
globalThis.MediaRecorder = Recorder;
Object.defineProperty(globalThis, "navigator", {
  configurable: true,
  value: { mediaDevices: { getUserMedia: () => new Promise((resolve) => page.asked.push(resolve)) } },
});

const stream = () => ({ getTracks: () => [{ stop: () => (page.stopped += 1) }] });
const settle = () => new Promise((resolve) => setImmediate(resolve));

beforeEach(() => {
  Object.assign(page, { played: 0, asked: [], stopped: 0 });
  Recorder.made = 0;
});
after(() => delete globalThis.document);

test("a double click asks for one microphone, and it is given back", async () => {
  const practice = new PhrasePractice("How are you?", async () => new Blob([]));
  practice.say.on_click();
  practice.say.on_click();
  assert.equal(page.asked.length, 1);
  page.asked[0](stream());
  await settle();
  assert.equal(Recorder.made, 1);
  practice.close();
  assert.equal(page.stopped, 1);
});

test("who leaves while the browser asks for the microphone is not recorded", async () => {
  const practice = new PhrasePractice("How are you?", async () => new Blob([]));
  practice.say.on_click();
  practice.close();
  page.asked[0](stream());
  await settle();
  assert.deepEqual([Recorder.made, page.stopped], [0, 1]);
});

test("a phrase that arrives on the next screen is not played there", async () => {
  let arrive = null;
  const practice = new PhrasePractice("How are you?", () => new Promise((resolve) => (arrive = resolve)));
  practice.hear.on_click();
  practice.close();
  arrive(new Blob([]));
  await settle();
  assert.equal(page.played, 0);
  const there = new PhrasePractice("How are you?", async () => new Blob([]));
  there.hear.on_click();
  await settle();
  await settle();
  assert.equal(page.played, 1);
  there.close();
});
