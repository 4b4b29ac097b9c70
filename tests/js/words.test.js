import assert from "node:assert/strict";
import { test } from "node:test";

import { languageOf, mergeWords } from "../../static/core/languages.js";
import { strings } from "../../static/strings.js";
import { LANGUAGES } from "../../static/translations/list.js";
import { grade, sentencesOf, textsOf } from "./reading.js";

const { lab, ...OF_PEOPLE } = strings;
const TEXTS = textsOf(OF_PEOPLE);

// What nobody says, and second words for what has one already.
const BANNED = [
  /no real person/i,
  /in the midst/i,
  /begin anew|loaded anew/i,
  /who spoke how much/i,
  /\bmute[sd]?\b/i, // the microphone is off
  /(push|hold) to talk/i, // press to speak
  /whoever/i,
  /programme/i,
  /\bfetch(ed|ing)?\b/i,
  /cannot/i,
  /\bneed not\b/i,
  /draw out/i,
  /simulated/i,
];

test("no string has a phrase that nobody says", () => {
  const found = TEXTS.filter(([, text]) => BANNED.some((phrase) => phrase.test(text)));
  assert.deepEqual(found, []);
});

test("the measure of readability tells easy from hard", () => {
  assert.ok(grade(["The cat sat on the mat. It was warm there."]) < 2);
  assert.ok(grade(["Authorisation of the aforementioned examination necessitates considerable administrative preparation."]) > 15);
});

test("what the page says can be read after seven years at school", () => {
  const sentences = sentencesOf(TEXTS);
  assert.ok(sentences.length > 150);
  const reached = grade(sentences);
  assert.ok(reached <= 7, `grade ${reached.toFixed(1)}`);
});

test("no sentence is longer than 25 words", () => {
  const long = TEXTS.filter(([place]) => !place.includes(".consent")).filter(([, text]) =>
    text.split(/(?<=[.!?:])\s+/).some((sentence) => sentence.split(/\s+/).length > 25),
  );
  assert.deepEqual(long, []);
});

test("whose turn it is takes two words", () => {
  for (const { name } of Object.values(strings.talk.states)) assert.equal(name.split(" ").length, 2, name);
});

test("a translation lies over the English words, and what it lacks stays", () => {
  const english = { a: "one", b: { c: "two", d: ["x"] }, say: (count) => `${count} of them` };
  const merged = mergeWords(english, { b: { c: "zwei" }, say: (count) => `${count} davon` });
  assert.deepEqual([merged.a, merged.b.c, merged.b.d, merged.say(2)], ["one", "zwei", ["x"], "2 davon"]);
  assert.equal(english.b.c, "two");
  assert.deepEqual([languageOf("de"), languageOf("xx"), languageOf("")], ["de", "en", "en"]);
});

test("each language has its file, with the ten key screens and no word that the page does not know", async () => {
  const SCREENS = ["modes", "history", "choose", "before", "check", "prepare", "talk", "going_on", "debrief", "problems"];
  const strangers = (words, known, place = "") =>
    Object.entries(words).flatMap(([name, value]) => {
      const here = `${place}.${name}`;
      if (!(name in known) || typeof value !== typeof known[name]) return [here];
      return typeof value === "object" ? strangers(value, known[name], here) : [];
    });
  for (const { code, dir } of LANGUAGES.filter((language) => language.code !== "en")) {
    const { words } = await import(`../../static/translations/${code}.js`);
    assert.deepEqual(SCREENS.filter((name) => !(name in words)), [], code);
    assert.deepEqual(strangers(words, strings), [], code);
    assert.ok(["ltr", "rtl"].includes(dir));
  }
});
