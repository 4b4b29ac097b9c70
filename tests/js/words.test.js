import assert from "node:assert/strict";
import { test } from "node:test";

import { languageOf, mergeWords } from "../../static/core/languages.js";
import { strings } from "../../static/strings.js";
import { LANGUAGES } from "../../static/translations/list.js";

/** Return [[place, text], ...] of all that a page says, without what is for developers; functions are asked with examples. */
function textsOf(words, place = "") {
  return Object.entries(words).flatMap(([name, value]) => {
    const here = `${place}.${name}`;
    if (here === ".lab") return [];
    if (typeof value === "string") return [[here, value]];
    if (typeof value === "function") return examples(value).map((text) => [here, text]);
    return textsOf(value, here);
  });
}

function examples(say) {
  return [Array(4).fill(2), Array(4).fill("Pain"), [["Pain", "Sleep"]]].flatMap((given) => {
    try {
      const text = say(...given);
      return typeof text === "string" && !text.includes("undefined") ? [text] : [];
    } catch {
      return [];
    }
  });
}

const TEXTS = textsOf(strings);

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

function syllables(word) {
  const bare = word.toLowerCase().replace(/[^a-z]/g, "");
  if (bare.length <= 3) return 1;
  const trimmed = bare.replace(/(?:[^laeiouy]es|[^t]ed|[^laeiouy]e)$/, (end) => end[0]).replace(/^y/, "");
  return Math.max(1, (trimmed.match(/[aeiouy]{1,2}/g) ?? []).length);
}

/** Return the grade of Flesch and Kincaid of these texts: years at school that a reader needs. */
function grade(texts) {
  const sentences = texts.flatMap((text) => text.split(/(?<=[.!?:…])\s+/)).filter((text) => /[a-z]/i.test(text));
  const words = sentences.flatMap((text) => text.split(/\s+/)).filter((word) => /[a-z]/i.test(word));
  const sounds = words.reduce((sum, word) => sum + syllables(word), 0);
  return (0.39 * words.length) / sentences.length + (11.8 * sounds) / words.length - 15.59;
}

test("the measure of readability tells easy from hard", () => {
  assert.ok(grade(["The cat sat on the mat. It was warm there."]) < 2);
  assert.ok(grade(["Authorisation of the aforementioned examination necessitates considerable administrative preparation."]) > 15);
});

test("what the page says can be read after seven years at school", () => {
  const sentences = TEXTS.map(([, text]) => text).filter((text) => /[.!?]$/.test(text));
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
