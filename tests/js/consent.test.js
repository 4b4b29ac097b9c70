import assert from "node:assert/strict";
import { test } from "node:test";

import { consentPoints, consentShown } from "../../static/core/consent.js";
import { strings } from "../../static/strings.js";

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
