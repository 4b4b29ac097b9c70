import assert from "node:assert/strict";
import { test } from "node:test";

import { addressOf, readAddress } from "../../static/core/address.js";
import { paceOf, patientOf, splitTask } from "../../static/core/cards.js";
import { Held } from "../../static/core/held.js";
import { bestScores, daysInRow, forgetAll, Journal, toGoOn } from "../../static/core/journal.js";
import { foundOut, whyNot } from "../../static/net/account_of.js";
import { browserOf } from "../../static/ui/address_bar.js";

class Store {
  #kept = new Map();

  constructor({ full = false } = {}) {
    this.full = full;
  }

  getItem(key) {
    return this.#kept.get(key) ?? null;
  }

  setItem(key, value) {
    if (this.full) throw new DOMException("", "QuotaExceededError");
    this.#kept.set(key, value);
    this[key] = value; // as Object.keys finds them
  }

  removeItem(key) {
    this.#kept.delete(key);
    delete this[key];
  }
}

const held = (id, began_ms, more = {}) => ({ id, token: "ek_x", card_id: "wound", card_title: "A wound", mode: "practice", began_ms, ...more });
const DAY_MS = 86400000;

test("role-plays are kept, the newest first, and what is learnt of one is added", () => {
  const storage = new Store();
  const journal = new Journal(storage);
  journal.put(held("a", 1));
  journal.put(held("b", 2));
  journal.put({ ...held("a", 1), told: 3, all: 9, missed: ["Pain"] });
  const again = new Journal(storage);
  assert.deepEqual(again.entries.map(({ id, told }) => [id, told]), [["b", null], ["a", 3]]);
  assert.equal(again.find("a").began_ms, 1);
  again.remove("a");
  assert.deepEqual(journal.entries.map(({ id }) => id), ["b"]); // another tab sees it too
  assert.equal(new Journal(storage, "per_1").entries.length, 0); // somebody else's
});

test("an entry that is changed keeps when it began", () => {
  const journal = new Journal(new Store());
  journal.put(held("a", 77));
  const { began_ms, ...facts } = held("a", 0, { told: 1, all: 2, missed: [] });
  assert.equal(began_ms, 0);
  journal.put(facts);
  assert.equal(journal.find("a").began_ms, 77);
});

test("two hundred are kept, the oldest go", () => {
  const journal = new Journal(new Store());
  for (let i = 0; i < 230; i += 1) journal.put(held(`s${i}`, i));
  assert.equal(journal.entries.length, 200);
  assert.equal(journal.entries.at(-1).id, "s30");
});

test("a browser that keeps nothing has what this tab did, and says so", () => {
  for (const storage of [null, new Store({ full: true })]) {
    const journal = new Journal(storage);
    journal.put(held("a", 1));
    journal.put(held("b", 2));
    assert.equal(journal.kept, false);
    assert.deepEqual(journal.entries.map(({ id }) => id), ["b", "a"]);
  }
});

test("what something else has put there is no history", () => {
  for (const text of ["{", "7", '[{"id": 3}, null, {"id": "a"}]']) {
    const storage = new Store();
    storage.setItem("interlocutor.role-plays", text);
    assert.deepEqual(new Journal(storage).entries, []);
  }
});

test("everything of the product can be forgotten, and nothing else", () => {
  const storage = new Store();
  new Journal(storage, "per_1").put(held("a", 1));
  storage.setItem("interlocutor.visit", "{}");
  storage.setItem("other", "1");
  forgetAll(storage, null);
  assert.deepEqual(Object.keys(storage).filter((key) => key !== "full"), ["other"]);
});

test("the best score of each card", () => {
  const best = bestScores([held("a", 3, { told: 4, all: 9 }), held("b", 2, { told: 6, all: 9 }), held("c", 1, { told: null, all: null })]);
  assert.deepEqual([...best], [["wound", { told: 6, all: 9 }]]);
});

const row = (id, began_ms, facts) => ({ id, card_id: "wound", mode: "practice", state: "ended", began_ms, cues: 9, cues_told: 7, ...facts });

test("what a person held elsewhere counts as well, and what this browser knows counts first", () => {
  const here = held("a", 5, { told: 4, all: 9 });
  const closed = held("f", 1, { told: null, all: null, missed: [] });
  const unknown = { cues: null, cues_told: null };
  const rows = [row("a", 5), row("b", 8), row("c", 2, unknown), row("d", 9, { state: "erased" }), row("e", 9, { state: "running" }), row("f", 1)];
  const all = new Held({ rows }).with([here, closed]);
  assert.deepEqual(all.map(({ id }) => id), ["b", "a", "c", "f"]);
  assert.equal(all[1], here);
  assert.equal(all[3].told, 7); // the tab was closed before the page after came
  assert.deepEqual([...bestScores(all)], [["wound", { told: 7, all: 9 }]]);
});

test("as many are told as the server's list has", () => {
  const rows = [row("a", 5), row("b", 8), row("d", 9, { state: "erased" })];
  const listed = new Held({ rows, asked_ms: 10 });
  assert.equal(listed.count([held("a", 5), held("gone", 3), held("new", 12)]), 4);
  assert.equal(new Held().count([held("a", 5)]), null);
});

test("days in a row end where a day is left out, and today may still come", () => {
  const now = new Date(2026, 10, 30, 9);
  const ago = (days) => held(`d${days}`, now.getTime() - days * DAY_MS);
  assert.equal(daysInRow([], now), 0);
  assert.equal(daysInRow([ago(0), ago(1), ago(2), ago(4)], now), 3);
  assert.equal(daysInRow([ago(1), ago(2)], now), 2);
  assert.equal(daysInRow([ago(2)], now), 0);
  assert.equal(daysInRow([ago(-3), ago(0)], now), 1); // a clock that was wrong
});

test("one goes on with the newest in which something was not found out", () => {
  const one = held("a", 9, { told: 9, all: 9, missed: [] });
  const other = held("b", 5, { card_id: "inhaler", told: 2, all: 8, missed: ["Sleep"] });
  const before = held("c", 1, { told: 1, all: 9, missed: ["Pain"] });
  assert.equal(toGoOn([one, other, before]).id, "b");
  assert.equal(toGoOn([one, before]), null); // found out since
  // On another computer the server's list alone is known: how many, and not which.
  const rows = [row("e", 12, { mode: "exam", card_id: "exam", cues: null, cues_told: null }), row("d", 10, { card_id: "dog" })];
  const elsewhere = toGoOn(new Held({ rows }).with([]));
  assert.deepEqual([elsewhere.id, elsewhere.told, elsewhere.all, elsewhere.missed], ["d", 7, 9, null]);
});

test("each screen has an address, and what is none leads to the cards", () => {
  for (const [screen, id] of [["cards", ""], ["card", "nursing-leg-wound"], ["history", ""], ["past", "sess_01"], ["now", ""]]) {
    assert.deepEqual(readAddress(addressOf(screen, id)), { screen, id });
  }
  for (const hash of ["#/role-play/", "#/role-play/<b>", "#/elsewhere", "#x"]) assert.equal(readAddress(hash).screen, "cards");
});

test("what was found out is told from the record", () => {
  assert.deepEqual(foundOut({ cues: [{ topic: "Pain", told: true }, { topic: "Sleep", told: false }] }), { told: 1, all: 2, missed: ["Sleep"] });
  assert.deepEqual(foundOut({ cues: [] }), { told: null, all: null, missed: [] });
});

test("a card is told in short", () => {
  assert.deepEqual(splitTask("Ask about X (for example Y)."), ["Ask about X", "(for example Y)."]);
  assert.deepEqual(splitTask("Ask about X."), ["Ask about X.", ""]);
  assert.deepEqual([120, 130, 140].map(paceOf), ["slow", "usual", "quick"]);
  assert.equal(patientOf({ background: "Ann, 5, is ill. She came." }), "Ann, 5, is ill.");
  assert.equal(patientOf({ background: "No end" }), "No end");
});

test("each browser has its sign for the microphone", () => {
  assert.equal(browserOf("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"), "firefox");
  assert.equal(browserOf("Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15"), "safari");
  assert.equal(browserOf("Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"), "chromium");
});

test("a log-in that has ended does not mean that a role-play is gone", () => {
  const logged_in = { id: "sess_a", token: "" };
  const stranger = { id: "sess_a", token: "vt_a" };
  assert.deepEqual([401, 403, 404, 503].map((status) => whyNot(logged_in, status)), ["logged_out", "refused", "gone", null]);
  assert.deepEqual([401, 403, 404, undefined].map((status) => whyNot(stranger, status)), ["gone", "refused", "gone", null]);
});
