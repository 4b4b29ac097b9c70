import assert from "node:assert/strict";
import { test } from "node:test";

import { consentIn, consentPoints, consentShown } from "../../static/core/consent.js";
import { translate } from "../../static/core/languages.js";
import { strings } from "../../static/strings.js";
import { LANGUAGES } from "../../static/translations/list.js";

const KEPT = { practice_days: 30, exam_days: 1, exams_of_erased: "keep" };
const LISTENERS = { practice: ["developer"], exam: ["developer", "examiner"] };
const INFO = { kept: KEPT, listeners: LISTENERS, remote_mind: null };
const PRACTICE = { mode: "practice" };
const GUESTS_EXAM = { mode: "exam" };
const EXAM = { mode: "exam", planned: true };
const MIND = { provider: "Ollama", country: "the operator's own network" };
const words = strings.before.consent;

const kept = (info, of, consent = words) => consentPoints(consent, info, of).at(-1);
const listen = (info, of, consent = words) => consentPoints(consent, info, of).at(-2);

test("what is kept of a consent is what was agreed to, word for word", () => {
  const plain = consentShown(words, { given: true, remote: true }, INFO, PRACTICE);
  assert.deepEqual(Object.keys(plain), ["version", "text"]);
  assert.equal(plain.text, [...consentPoints(words, INFO, PRACTICE), words.agree].join("\n"));
  assert.deepEqual(consentShown(words, { given: true, remote: false }, { ...INFO, remote_mind: MIND }, PRACTICE), plain);
});

test("how long a role-play is kept, and how it is deleted, is said of each mode by the server's settings", () => {
  assert.match(kept(INFO, PRACTICE), /^We keep a practice for 30 days\..* You can delete it sooner yourself/);
  assert.match(kept(INFO, EXAM), /^We keep an exam for one day\..* You can't delete it yourself: ask .* without your name\.$/);
  assert.match(kept({ ...INFO, kept: { ...KEPT, exams_of_erased: "erase" } }, EXAM), /the exam is deleted with it\.$/);
  assert.doesNotMatch(kept(INFO, GUESTS_EXAM), /account/);
  const backed_up = { ...INFO, kept: { ...KEPT, backup_days: 7 } };
  for (const of of [PRACTICE, EXAM]) assert.ok(kept(backed_up, of).endsWith("A backup may hold a copy for up to 7 days more."));
});

test("who may listen is said of each mode by the server's rights", () => {
  assert.match(listen(INFO, PRACTICE), /^Examiners can't listen to a practice\. The people who run this server can, .*tells you/);
  assert.match(listen(INFO, EXAM), /^Your examiners and the people who run this server may listen, .*not told when/);
  assert.match(listen(INFO, GUESTS_EXAM), /^This exam has no examiners\./);
  const all = { ...INFO, listeners: { ...LISTENERS, practice: ["developer", "examiner"] } };
  assert.match(listen(all, PRACTICE), /^Examiners and the people/);
});

test("a remote mind is agreed to by name and country", () => {
  const given = consentShown(words, { given: true, remote: true }, { ...INFO, remote_mind: MIND }, PRACTICE);
  assert.deepEqual(given.remote, MIND);
  assert.ok(given.text.includes(MIND.provider) && given.text.includes(MIND.country));
  assert.equal(given.version, words.version);
});

test("in each language the whole consent is agreed to, in a version of its own", async () => {
  const info = { ...INFO, remote_mind: MIND, kept: { practice_days: 90, exam_days: 180, backup_days: 14, exams_of_erased: "keep" } };
  for (const language of LANGUAGES) {
    const { code, dir } = language;
    const translated = code === "en" ? strings : translate(strings, (await import(`../../static/translations/${code}.js`)).words, language);
    const { consent } = translated.before;
    if (code !== "en") {
      assert.equal(consent.version, `${words.version}-${code}`);
      assert.deepEqual([consent.lang, consent.dir], [code, dir]);
      assert.deepEqual(consent.points.filter((point) => words.points.includes(point)), []);
    }
    const said = [PRACTICE, GUESTS_EXAM, EXAM].map((of) => [listen(info, of, consent), kept(info, of, consent)].join(" "));
    assert.equal(new Set(said).size, 3);
    assert.deepEqual(said.map((text) => ["90", "180", "14"].map((days) => text.includes(days))), [[true, false, true], [false, true, true], [false, true, true]]);
    assert.ok(!said.join().includes("undefined"));
    assert.notEqual(kept({ ...info, kept: { ...info.kept, exams_of_erased: "erase" } }, EXAM, consent), kept(info, EXAM, consent));
    for (const of of [PRACTICE, EXAM]) {
      const agreed = consentShown(consent, { given: true, remote: true }, info, of);
      assert.ok(agreed.text.includes(MIND.provider) && agreed.text.includes(MIND.country));
      assert.ok(agreed.text.length <= 2000);
      assert.ok(agreed.version.length <= 32);
    }
  }
});

test("a consent of other words, or in part, stays English", () => {
  const language = { code: "xx", dir: "ltr" };
  const whole = { ...words };
  assert.equal(consentIn(words, whole, language).version, `${words.version}-xx`);
  const { agree, ...without } = whole;
  for (const wrong of [undefined, {}, { ...whole, version: "2025-1-1" }, { ...whole, points: whole.points.slice(1) }, without]) {
    assert.equal(consentIn(words, wrong, language), words);
  }
  assert.ok(agree);
});
