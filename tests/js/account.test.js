import assert from "node:assert/strict";
import { test } from "node:test";

import { changePassword, fetchHistory, fetchMe, logIn, logOut } from "../../static/net/account_api.js";
import { modesFor, mustLogIn, returnTo, samePasswords, signOnAddress, signOnProblem } from "../../static/core/account.js";

test("after logging in one goes on within this site alone", () => {
  assert.equal(returnTo(""), "/");
  assert.equal(returnTo("?next=/lab"), "/lab");
  for (const bad of ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "%2F%2Fevil.example", "/<b>"]) {
    assert.equal(returnTo(`?next=${bad}`), "/", bad);
  }
});

test("one logs in elsewhere and comes back, and a problem is told in words of ours alone", () => {
  assert.equal(signOnAddress("?next=/lab"), "/login/oidc?next=%2Flab");
  assert.equal(signOnAddress("?next=//evil.example"), "/login/oidc?next=%2F");
  const words = { "oidc.state": "Again.", other: "It did not work." };
  assert.equal(signOnProblem("", words), "");
  assert.equal(signOnProblem("?problem=oidc.state", words), "Again.");
  for (const code of ["<b>", "toString", "__proto__", ""]) assert.equal(signOnProblem(`?problem=${code}`, words), words.other);
});

test("two passwords are the same only if there are two", () => {
  assert.equal(samePasswords("a", "a"), true);
  assert.equal(samePasswords("a", "b"), false);
  assert.equal(samePasswords("", ""), false);
});

test("who must log in", () => {
  const person = (role) => ({ mode: "accounts", person: { role } });
  assert.equal(mustLogIn(null), false);
  assert.equal(mustLogIn({ mode: "open", person: null }), false);
  assert.equal(mustLogIn({ mode: "guests", person: null }), false);
  assert.equal(mustLogIn({ mode: "accounts", person: null }), true);
  assert.equal(mustLogIn(person("candidate")), false);
});

test("the modes to choose from are those that the server lets somebody open", () => {
  const modes = ["practice", "exam"];
  assert.deepEqual(modesFor({ modes: ["exam", "practice"] }, modes), modes);
  assert.deepEqual(modesFor({ modes: ["practice"] }, modes), ["practice"]);
  assert.deepEqual(modesFor({ modes: [] }, modes), []);
});

test("what changes something is sent with the page's own token, and nothing else is", async () => {
  const sent = [];
  const answers = { "/api/me": { mode: "accounts", person: null, csrf: "a token", modes: [] } };
  globalThis.fetch = async (path, { method = "GET", headers = {} }) => {
    sent.push([method, path, headers["X-CSRF-Token"]]);
    return { ok: true, json: async () => answers[path] ?? {} };
  };
  await logIn("anna", "a password");
  await fetchMe();
  await changePassword("old", "new");
  await fetchHistory();
  await logOut();
  assert.deepEqual(sent, [
    ["POST", "/api/login", undefined],
    ["GET", "/api/me", undefined],
    ["POST", "/api/password", "a token"],
    ["GET", "/api/sessions?limit=20", undefined],
    ["POST", "/api/logout", "a token"],
  ]);
});
