"""Logging in, links, passwords, keys and what admins do; and whoever tries to get in otherwise."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bench.replay.remote import KEY_VARIABLE, reserve
from common.errors import AppError
from server.accounts import passwords
from server.accounts.passwords import Passwords
from server.store import audit, people
from server.store.anchors import prove
from server.store.people import Person
from server.store.tokens import digest_of
from tests.app.accounts import PASSWORD, URL, World, world
from tests.app.inside import KEY, serving
from tests.app.wire import CARD

pytestmark = pytest.mark.asyncio

NASTY = "Robert'); DROP TABLE people;-- <img src=x onerror=alert(1)>"


async def log_in(client: httpx2.AsyncClient, login: str, password: str = PASSWORD) -> httpx2.Response:
    return await client.post("/api/login", json={"login": login, "password": password})


def code(answer: httpx2.Response) -> str:
    found: str = answer.json()["error"]["code"]
    return found


async def told(one: World) -> list[tuple[str, dict[str, Any]]]:
    """Return the audit's actions and contents, which must be whole."""
    assert await one.server.store.ledger.drained(30)
    async with one.server.store.database.reading() as connection:
        lines = [line async for line in audit.lines(connection)]
        assert (await prove(audit.lines(connection))).faults == []
    return [(line.action, line.content or {}) for line in lines]


async def test_a_person_gets_in_by_a_link_once_and_by_their_password_from_then_on(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        token = await one.link("  Anna@Example.org ", name=NASTY)
        client = one.client()
        looked = await client.post("/api/invitation", json={"token": token})
        assert looked.json() == {"login": "anna@example.org", "name": NASTY}
        weak = await client.post("/api/invitation/accept", json={"token": token, "password": "short"})
        assert (weak.status_code, code(weak)) == (400, "account.password")
        accepted = await client.post("/api/invitation/accept", json={"token": token, "password": PASSWORD})
        assert accepted.json()["person"]["name"] == NASTY
        cookie = accepted.headers["set-cookie"]
        assert cookie.startswith(f"__Host-interlocutor-{one.server.store.instance}=il_")
        assert all(word in cookie for word in ("HttpOnly", "Secure", "SameSite=strict", "Path=/"))
        assert "Domain" not in cookie
        again = await one.client().post("/api/invitation/accept", json={"token": token, "password": PASSWORD})
        assert (again.status_code, code(again)) == (401, "account.link")
        other = one.client()
        assert (await log_in(other, "ANNA@example.org")).status_code == 200
        me = (await other.get("/api/me")).json()
        assert (me["mode"], me["person"]["login"]) == ("accounts", "anna@example.org")
        assert (await one.client().get("/api/me")).json()["person"] is None
        assert me["person"]["name"] == NASTY


async def test_of_two_who_use_a_link_at_once_one_gets_in(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        token = await one.link("anna")
        body = {"token": token, "password": PASSWORD}
        answers = await asyncio.gather(*(one.client().post("/api/invitation/accept", json=body) for _ in range(4)))
        assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]


async def test_what_changes_something_needs_the_pages_own_token_and_origin(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        client = await one.person("anna")
        csrf = client.headers.pop("X-CSRF-Token")
        opened = {"json": {"card": CARD}}
        refused = await client.post("/api/sessions", **opened)  # type: ignore[arg-type]
        assert (refused.status_code, code(refused)) == (403, "access.csrf")
        forged = await client.post("/api/sessions", **opened, headers={"X-CSRF-Token": csrf[:-1] + "x"})  # type: ignore[arg-type]
        assert forged.status_code == 403
        headers = {"X-CSRF-Token": csrf, "Origin": "https://evil.example"}
        elsewhere = await client.post("/api/sessions", **opened, headers=headers)  # type: ignore[arg-type]
        assert (elsewhere.status_code, code(elsewhere)) == (403, "access.origin")
        good = await client.post("/api/sessions", **opened, headers={"X-CSRF-Token": csrf, "Origin": URL})  # type: ignore[arg-type]
        assert good.status_code == 201
        by_form = await one.client().post(
            "/api/login", json={"login": "anna", "password": PASSWORD}, headers={"Origin": "https://evil.example"}
        )
        assert code(by_form) == "access.origin"


async def test_logging_out_needs_the_pages_own_token_and_origin(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        client = await one.person("anna")
        csrf = client.headers.pop("X-CSRF-Token")
        bare = await client.post("/api/logout")
        assert (bare.status_code, code(bare)) == (403, "access.csrf")
        assert "set-cookie" not in bare.headers
        elsewhere = await client.post("/api/logout", headers={"X-CSRF-Token": csrf, "Origin": "https://evil.example"})
        assert (elsewhere.status_code, code(elsewhere)) == (403, "access.origin")
        assert (await client.get("/api/me")).json()["person"]["login"] == "anna"
        assert (await client.post("/api/logout", headers={"X-CSRF-Token": csrf})).status_code == 200
        assert (await client.get("/api/me")).json()["person"] is None


async def test_a_link_ends_when_the_account_is_disabled(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        token = await one.link("anna")
        anna_id = await one.id_of("anna")
        for enabled in (False, True):
            await one.server.accounts.change("a test", anna_id, enabled=enabled)
        body = {"token": token, "password": PASSWORD}
        for path in ("/api/invitation", "/api/invitation/accept"):
            answer = await one.client().post(path, json=body)
            assert (answer.status_code, code(answer)) == (401, "account.link")


async def test_a_role_and_a_state_change_together_or_not_at_all(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        admin = await one.person("root", "admin")
        await one.person("anna")
        anna_id, root_id = await one.id_of("anna"), await one.id_of("root")
        both = await admin.patch(f"/api/people/{anna_id}", json={"role": "examiner", "enabled": False})
        assert (both.json()["person"]["role"], both.json()["person"]["state"]) == ("examiner", "disabled")
        for wrong in ({}, {"enabled": "yes"}, {"role": None}, {"role": "admin", "name": "x"}, {"role": ["admin"]}):
            refused = await admin.patch(f"/api/people/{anna_id}", json=wrong)
            assert refused.status_code == 400, wrong
        await one.server.accounts.change("a test", anna_id, role="admin", enabled=False)
        refused = await admin.patch(f"/api/people/{root_id}", json={"role": "examiner", "enabled": True})
        assert code(refused) == "account.last_admin"
        changes = [content for action, content in await told(one) if action == "person.changed"]
        assert [(one["role"], one.get("state")) for one in changes] == [("examiner", "disabled"), ("admin", "disabled")]


async def test_plain_http_is_for_this_machine_alone(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        await one.person("anna")
        here = one.client(url="http://127.0.0.1:8000", address="127.0.0.1")
        answer = await log_in(here, "anna")
        assert answer.headers["set-cookie"].startswith(f"interlocutor-{one.server.store.instance}=")
        assert "Secure" not in answer.headers["set-cookie"]
        refused = await log_in(one.client(url="http://oet.example"), "anna")
        assert (refused.status_code, code(refused)) == (403, "access.insecure")


async def test_forged_reused_and_expired_secrets_are_nobodys(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        client = await one.person("anna")
        name = f"__Host-interlocutor-{one.server.store.instance}"
        secret = client.cookies[name]
        for forged in ("il_" + "A" * 43, secret[:-1], secret + "A", "' OR 1=1 --", "\u2603", digest_of(secret)):
            stranger = one.client()
            headers = [(b"Cookie", f"{name}={forged}".encode())]
            assert (await stranger.get("/api/cards", headers=headers)).status_code == 401, forged
        for bearer in (secret, "eyJhbGciOiJub25lIn0.eyJyb2xlIjoiYWRtaW4ifQ.", "ik_x", "ek_x"):
            asked = one.client(Authorization=f"Bearer {bearer}")
            assert (await asked.get("/api/cards")).status_code == 401, bearer
        assert (await client.get("/api/cards")).status_code == 200
        async with one.server.store.database.writing() as connection:
            await people.see(connection, digest_of(secret), at_ms=0)
        assert (await client.get("/api/cards")).status_code == 401
        client = await one.person("bert")
        kept = {"Cookie": f"{name}={client.cookies[name]}"}
        assert (await client.post("/api/logout")).status_code == 200
        assert (await one.client().get("/api/cards", headers=kept)).status_code == 401


async def test_guessing_is_slowed_down_and_nobody_learns_who_is_here(tmp_path: Path) -> None:
    async with world(tmp_path, failures=3) as one:
        await one.person("anna")
        known = [await log_in(one.client(), "anna", f"wrong {n}") for n in range(4)]
        unknown = [await log_in(one.client(), "nobody", f"wrong {n}") for n in range(4)]
        assert [answer.status_code for answer in known] == [401, 401, 401, 429]
        assert [answer.json()["error"]["code"] for answer in known] == [code(answer) for answer in unknown]
        assert known[0].json() == unknown[0].json()
        assert int(known[3].headers["Retry-After"]) > 0
        assert (await log_in(one.client(), "anna")).status_code == 429
        # From elsewhere its owner still gets in.
        assert (await log_in(one.client(address="203.0.113.9"), "anna")).status_code == 200
        found = [content for action, content in await told(one) if action == "login.failed"]
        assert len(found) == 6
        assert all("wrong" not in str(content) and content["network"] == "198.51.100.7" for content in found)


async def test_guesses_at_once_get_no_further_than_guesses_in_a_row(tmp_path: Path) -> None:
    async with world(tmp_path, failures=3) as one:
        await one.person("anna")
        client = one.client()
        answers = await asyncio.gather(*(log_in(client, "anna", f"wrong {n}") for n in range(20)))
        assert sorted(answer.status_code for answer in answers) == [401] * 3 + [429] * 17
        anna = await one.person("bert")
        wrong = [
            anna.post("/api/password", json={"old": f"wrong {n}", "new": "another good password"}) for n in range(9)
        ]
        changed = await asyncio.gather(*wrong)
        assert sorted(answer.status_code for answer in changed) == [403] * 3 + [429] * 6


async def test_a_thousand_log_ins_are_answered_and_digested_one_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once: list[int] = []
    running = threading.Semaphore(0)

    class Hasher:
        """Counts who digests at the same time; as quick as a test needs it."""

        def hash(self, password: str) -> str:
            return f"digest of {password}"

        def verify(self, digest: str, password: str) -> bool:
            running.release()
            at_once.append(running._value)
            right = digest == self.hash(password)
            running.acquire()
            return right

        def check_needs_rehash(self, _digest: str) -> bool:
            return False

    async with world(tmp_path, attempts_per_minute=10_000) as one:
        monkeypatch.setattr(passwords, "_HASHER", Hasher())
        digest = Hasher().hash(PASSWORD)
        async with one.server.store.database.writing() as connection:
            for n in range(1_000):
                person = Person(f"per_{n}", f"anna{n}", NASTY, "candidate", "active", digest, 0)
                await people.add(connection, person)
        client = one.client()
        answers = await asyncio.gather(*(log_in(client, f"anna{n}") for n in range(1_000)))
        statuses = {answer.status_code for answer in answers}
        assert statuses <= {200, 503}
        assert all(answer.headers.get("Retry-After") for answer in answers if answer.status_code == 503)
        let_in = sum(answer.status_code == 200 for answer in answers)
        assert let_in >= passwords.MOST_WAITING
        assert set(at_once) == {1}
        assert sum(action == "login.succeeded" for action, _ in await told(one)) == let_in


async def test_real_passwords_are_digested_by_argon2_and_compared() -> None:
    ours = Passwords()
    digest = await ours.digest(PASSWORD)
    assert digest.startswith("$argon2id$")
    assert PASSWORD not in digest
    assert await ours.is_right(PASSWORD, digest)
    for wrong in (PASSWORD + "x", "", None, 7, "x" * 100_000):
        assert not await ours.is_right(wrong, digest)
    assert not await ours.is_right(PASSWORD, None)
    assert not await ours.is_right(PASSWORD, "no digest")


async def test_a_password_is_changed_and_other_log_ins_end(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        client = await one.person("anna")
        other = one.client()
        await log_in(other, "anna")
        wrong = await client.post("/api/password", json={"old": "wrong", "new": "another good password"})
        assert (wrong.status_code, code(wrong)) == (403, "account.wrong")
        changed = await client.post("/api/password", json={"old": PASSWORD, "new": "another good password"})
        assert changed.status_code == 200
        assert (await client.get("/api/cards")).status_code == 200
        assert (await other.get("/api/cards")).status_code == 401
        assert (await log_in(one.client(), "anna")).status_code == 401
        assert (await log_in(one.client(), "anna", "another good password")).status_code == 200


async def test_what_an_admin_does_holds_at_once(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        admin, anna = await one.person("root", "admin"), await one.person("anna")
        anna_id, root_id = await one.id_of("anna"), await one.id_of("root")
        made = await admin.post("/api/people", json={"login": "bert", "name": "Bert", "role": "examiner"})
        assert made.status_code == 201
        assert made.json()["link"].startswith(f"{URL}/welcome#iv_")
        assert code(await admin.post("/api/people", json={"login": "bert", "name": "B"})) == "account.taken"
        assert code(await admin.post("/api/people", json={"login": "b c", "name": "B"})) == "account.name"
        assert code(await admin.post("/api/people", json={"login": "c", "name": "B", "role": "king"})) == "account.role"
        assert (await anna.get("/api/people")).status_code == 403
        await admin.patch(f"/api/people/{anna_id}", json={"role": "examiner"})
        assert (await anna.get("/api/me")).json()["person"]["role"] == "examiner"
        await admin.patch(f"/api/people/{anna_id}", json={"enabled": False})
        assert (await anna.get("/api/cards")).status_code == 401
        assert (await log_in(one.client(), "anna")).status_code == 401
        await admin.patch(f"/api/people/{anna_id}", json={"enabled": True})
        assert (await log_in(anna, "anna")).status_code == 200
        link = (await admin.post(f"/api/people/{anna_id}/reset")).json()["link"]
        assert (await anna.get("/api/cards")).status_code == 401
        assert (await log_in(one.client(), "anna")).status_code == 401
        body = {"token": link.partition("#")[2], "password": "another good password"}
        assert (await one.client().post("/api/invitation/accept", json=body)).status_code == 200
        for change in ({"role": "candidate"}, {"enabled": False}):
            refused = await admin.patch(f"/api/people/{root_id}", json=change)
            assert (refused.status_code, code(refused)) == (409, "account.last_admin")
        assert code(await admin.patch("/api/people/per_x", json={"role": "admin"})) == "account.unknown"
        actions = [action for action, _ in await told(one)]
        assert actions.count("person.changed") == 3
        assert actions.count("password.reset") == 1


async def test_keys_are_rotated_and_revoked_without_a_restart(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        key, secret = await one.server.key_ring.make("a test", name="ci", scopes=["lab.use", "card.list"], days=1)
        client = one.client(Authorization=f"Bearer {secret}")
        assert (await client.get("/api/cards")).status_code == 200
        assert (await client.get("/api/lab")).status_code == 200
        assert (await client.get("/api/sessions")).status_code == 403
        new = await one.server.key_ring.rotate("a test", key.id)
        assert (await client.get("/api/cards")).status_code == 401
        client.headers["Authorization"] = f"Bearer {new}"
        assert (await client.get("/api/cards")).status_code == 200
        await one.server.key_ring.revoke("a test", key.id)
        assert (await client.get("/api/cards")).status_code == 401
        client.headers["Authorization"] = f"Bearer {KEY}"
        assert (await client.get("/api/lab")).status_code == 200


async def test_guests_may_practise_and_the_open_server_asks_nobody(tmp_path: Path) -> None:
    async with world(tmp_path / "g", "guests") as guests, world(tmp_path / "o", "open") as free:
        for one, exam in ((guests, 401), (free, 201)):
            client = one.client()
            assert (await client.post("/api/sessions", json={"card": CARD})).status_code == 201
            assert (await client.post("/api/sessions", json={"card": CARD, "mode": "exam"})).status_code == exam
            assert (await client.get("/api/sessions")).status_code == 401
            # An earlier session's token says nothing of who opens the next.
            _, token = one.server.registry.reserve(CARD, "practice")
            again = one.client(Authorization=f"Bearer {token}")
            assert (await again.post("/api/sessions", json={"card": CARD})).status_code == 201


async def test_answers_about_people_and_sessions_are_kept_by_no_cache(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        client = await one.person("anna")
        for path in ("/api/me", "/api/sessions", "/api/cards"):
            answer = await client.get(path, headers={"Origin": "https://evil.example"})
            assert answer.headers["cache-control"] == "no-store"
            assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_health_tells_of_a_database_that_is_gone_and_pages_still_come(tmp_path: Path) -> None:
    async with world(tmp_path / "data") as one:
        client = await one.person("anna")
        (tmp_path / "data").rename(tmp_path / "away")
        health = (await client.get("/health")).json()
        assert health["status"] == "degraded"
        assert "gone" in health["database"]["status"]
        refused = await client.get("/api/sessions")
        assert (refused.status_code, code(refused)) == (503, "database.gone")
        assert (await client.get("/")).status_code == 200
        (tmp_path / "away").rename(tmp_path / "data")
        assert (await client.get("/health")).json()["status"] == "ok"
        assert (await client.get("/api/sessions")).status_code == 200


async def test_our_own_clients_bring_a_key_to_a_server_with_accounts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path, auth="accounts") as (address, server):
        with pytest.raises(AppError, match="log in first"):
            await reserve(f"http://{address}", CARD)
        _, secret = await server.key_ring.make("a test", name="x", scopes=["session.open_practice"], days=None)
        monkeypatch.setenv(KEY_VARIABLE, secret)
        assert (await reserve(f"http://{address}", CARD)).token.startswith("vt_")
