import assert from "node:assert/strict";
import { test } from "node:test";

import { consentIn, consentPoints, consentShown } from "../../static/core/consent.js";
import { translate } from "../../static/core/languages.js";
import { strings } from "../../static/strings.js";
import { LANGUAGES } from "../../static/translations/list.js";

const KEPT = { practice_days: 30, exam_days: 1 };
const MIND = { provider: "Ollama", country: "the operator's own network" };
const words = strings.before.consent;

test("what is kept of a consent is what was agreed to, word for word", () => {
  const plain = consentShown(words, { given: true, remote: true }, { kept: KEPT, remote_mind: null });
  assert.deepEqual(Object.keys(plain), ["version", "text"]);
  assert.equal(plain.text, [...consentPoints(words, { kept: KEPT }), words.agree].join("\n"));
  const backed_up = consentPoints(words, { kept: { ...KEPT, backup_days: 7 } });
  assert.ok(backed_up.at(-1).endsWith("A backup may hold a copy for up to 7 days more."));
  assert.ok(plain.text.includes("We keep a practice for 30 days and an exam for one day."));
  assert.deepEqual(consentShown(words, { given: true, remote: false }, { kept: KEPT, remote_mind: MIND }), plain);
});

test("a remote mind is agreed to by name and country", () => {
  const kept = consentShown(words, { given: true, remote: true }, { kept: KEPT, remote_mind: MIND });
  assert.deepEqual(kept.remote, MIND);
  assert.ok(kept.text.includes(MIND.provider) && kept.text.includes(MIND.country));
  assert.ok(kept.text.length <= 2000);
  assert.equal(kept.version, words.version);
});

test("in each language the whole consent is agreed to, in a version of its own", async () => {
  for (const language of LANGUAGES.filter(({ code }) => code !== "en")) {
    const translated = translate(strings, (await import(`../../static/translations/${language.code}.js`)).words, language);
    const { consent } = translated.before;
    assert.equal(consent.version, `${words.version}-${language.code}`);
    assert.deepEqual([consent.lang, consent.dir], [language.code, language.dir]);
    assert.deepEqual(consent.points.filter((point) => words.points.includes(point)), []);
    const kept = { practice_days: 90, exam_days: 180, backup_days: 14 };
    for (const days of ["90", "180", "14"]) assert.ok(consentPoints(consent, { kept }).at(-1).includes(days));
    assert.ok(!consent.kept({ practice_days: 1, exam_days: 2 }).includes("undefined"));
    const agreed = consentShown(consent, { given: true, remote: true }, { kept, remote_mind: MIND });
    assert.ok(agreed.text.includes(MIND.provider) && agreed.text.includes(MIND.country));
    assert.ok(agreed.text.length <= 2000);
    assert.ok(agreed.version.length <= 32);
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
