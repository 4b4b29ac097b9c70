import assert from "node:assert/strict";
import { test } from "node:test";

import { modesFor, mustLogIn, returnTo, samePasswords } from "../../static/core/account.js";

test("after logging in one goes on within this site alone", () => {
  assert.equal(returnTo(""), "/");
  assert.equal(returnTo("?next=/lab"), "/lab");
  for (const bad of ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "%2F%2Fevil.example", "/<b>"]) {
    assert.equal(returnTo(`?next=${bad}`), "/", bad);
  }
});

test("two passwords are the same only if there are two", () => {
  assert.equal(samePasswords("a", "a"), true);
  assert.equal(samePasswords("a", "b"), false);
  assert.equal(samePasswords("", ""), false);
});

test("who must log in, and who may sit an exam", () => {
  const modes = ["practice", "exam"];
  const person = (role) => ({ mode: "accounts", person: { role } });
  assert.equal(mustLogIn(null), false);
  assert.equal(mustLogIn({ mode: "open", person: null }), false);
  assert.equal(mustLogIn({ mode: "guests", person: null }), false);
  assert.equal(mustLogIn({ mode: "accounts", person: null }), true);
  assert.equal(mustLogIn(person("candidate")), false);
  assert.deepEqual(modesFor(null, modes), modes);
  assert.deepEqual(modesFor({ mode: "open", person: null }, modes), modes);
  assert.deepEqual(modesFor({ mode: "guests", person: null }, modes), ["practice"]);
  assert.deepEqual(modesFor(person("candidate"), modes), modes);
  assert.deepEqual(modesFor(person("examiner"), modes), ["practice"]);
});
