"""Two servers that share a data folder and a database: whoever is asked, the one answers that has it, or has room."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bench.replay.remote import Reserved, reserve
from server.instances.peer_relay import HOPS
from server.records.holder import SharedHolder
from server.wire.ticket import Ticket
from tests import postgres
from tests.app.asking import answered
from tests.app.desk import Follower, knock, ticket
from tests.app.inside import until
from tests.app.process import KEY, ROOT, ServerProcess, faults_of, plain_environment
from tests.app.several import NAMES, by_way_of, holder_of, two
from tests.app.short_turns import short_turns
from tests.app.wire import CARD, Wire, check_log, connect_to
from tests.bench.instances import figures_of, lose_beside
from tests.bench.restarts import verify_audit
from tests.nightly import NIGHTLY, by_night
from tests.rtc.caller import calling

pytestmark = pytest.mark.skipif(bool(postgres.lacking()), reason=str(postgres.lacking()))

BURST = 30  # openings of one network in a row; each test but one opens few


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[ServerProcess]]:
    limits = (f"server.reservations.burst={BURST}", "server.reservations.per_minute=1", "server.max_sessions=60")
    with two(tmp_path_factory.mktemp("pair"), *limits) as (servers, _):
        yield servers
    for server in servers:
        assert faults_of(server) == []


async def one_on_each(pair: list[ServerProcess]) -> list[tuple[Reserved, ServerProcess, ServerProcess]]:
    """Return a session on each server, with the server that holds it and the other one."""
    found: dict[str, tuple[Reserved, ServerProcess, ServerProcess]] = {}
    async with asyncio.timeout(60):
        while len(found) < len(pair):
            reserved = await reserve(pair[0].url, CARD)
            held = holder_of(pair, reserved)
            other = next(one for one in pair if one is not held)
            found[held.url] = (reserved, held, other)
    return list(found.values())


@pytest.mark.asyncio
async def test_a_role_play_is_held_by_way_of_the_other_server(pair: list[ServerProcess]) -> None:
    for reserved, held, other in await one_on_each(pair):
        for server in pair:
            status, raw = await asyncio.to_thread(
                answered, "GET", f"{server.url}/api/sessions/{reserved.id}", reserved.token
            )
            assert (status, json.loads(raw)["status"]) == (200, "reserved")
        wire = Wire(await connect_to(by_way_of(other, reserved)))
        await wire.until("session.created")
        await wire.answered()
        assert await wire.end() == 1000
        assert (await check_log(held, reserved.id))[-1] == "session_ended"


@pytest.mark.asyncio
async def test_a_call_is_made_by_way_of_the_other_server(pair: list[ServerProcess]) -> None:
    reserved, _, other = (await one_on_each(pair))[0]
    async with calling(by_way_of(other, reserved)) as wire:
        await wire.answered()


@pytest.mark.asyncio
async def test_a_lost_way_is_come_back_by_the_other_server(pair: list[ServerProcess]) -> None:
    reserved, held, other = (await one_on_each(pair))[0]
    first = Wire(await connect_to(reserved := by_way_of(held, reserved)))
    await first.answered()
    token = (await first.may_come_back())["token"]
    await first.drop()
    again = Wire(await connect_to(by_way_of(other, reserved), Ticket(token, 0)))
    await again.until("interlocutor.session.resumed")
    await again.answered()
    await again.end()


@pytest.mark.asyncio
async def test_refusals_come_as_they_would_from_the_server_itself(pair: list[ServerProcess]) -> None:
    for reserved, _, other in await one_on_each(pair):
        status, raw = await asyncio.to_thread(answered, "GET", f"{other.url}/api/sessions/{reserved.id}", "vt_wrong")
        assert (status, json.loads(raw)["error"]["code"]) == (401, "access.denied")
        unknown = f"{other.url}/api/sessions/sess_{'0' * 20}"
        assert (await asyncio.to_thread(answered, "GET", unknown, KEY))[0] == 404


@pytest.mark.asyncio
async def test_examiners_see_and_follow_the_role_plays_of_all_servers(pair: list[ServerProcess]) -> None:
    for reserved, _, other in await one_on_each(pair):
        status, raw = await asyncio.to_thread(answered, "GET", f"{other.url}/api/desk/live", KEY)
        assert status == 200
        live = json.loads(raw)
        assert reserved.id in [one["id"] for one in live["sessions"]]
        assert live["silent_servers"] == []
        wire = Wire(await connect_to(by_way_of(other, reserved)))
        follower = Follower(await knock(await ticket(other.address, reserved.id)))
        await wire.answered()
        await until(partial(_was_told, follower, "turn_committed"))
        await wire.end()
        await follower.socket.close()


def _was_told(follower: Follower, kind: str) -> bool:
    return kind in follower.kinds()


def open_from(url: str, address: str, **headers: str) -> int:
    """Open a session as a visitor from this address; return the answer's status."""
    body = json.dumps({"card": CARD, "mode": "practice"}).encode()
    request = urllib.request.Request(f"{url}/api/sessions", data=body, headers={"X-Forwarded-For": address, **headers})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_openings_of_one_network_are_counted_whichever_server_is_asked(pair: list[ServerProcess]) -> None:
    told = [open_from(pair[number % 2].url, "198.51.100.9") for number in range(BURST + 4)]
    assert set(told) == {201, 429}, told
    assert told.count(201) in (BURST, BURST + 1)  # a token may have come back meanwhile
    assert open_from(pair[0].url, "198.51.100.10") == 201
    # Who says that another server has counted already is not believed.
    for hops in ("1", "2", "1 guessed"):
        assert [open_from(one.url, "198.51.100.9", **{HOPS: hops}) for one in pair] == [429, 429]


def test_guesses_at_a_password_are_counted_whichever_server_is_asked(pair: list[ServerProcess]) -> None:
    guess = json.dumps({"login": "ann@example.org", "password": "a wrong guess, again"}).encode()
    told = [
        answered("POST", f"{pair[number % 2].url}/api/login", "", guess, "application/json")[0] for number in range(7)
    ]
    assert told[:5] == [401] * 5
    assert told[5:] == [429] * 2


def test_the_command_lists_them(pair: list[ServerProcess]) -> None:
    database = next(word for word in pair[0].process.args if str(word).startswith("database.url="))  # type: ignore[union-attr]
    words = ["instances", "--json", "--set", str(database), "--set", f"data_path={pair[0].data}"]
    done = subprocess.run(
        [sys.executable, "-m", "server.cli", *words], cwd=ROOT, env=plain_environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = {one["name"]: one for one in json.loads(done.stdout)}
    assert sorted(found) == sorted(NAMES)
    assert [one["leads"] for one in found.values()].count(True) == 1
    assert all(one["state"] == "ready" and one["silent_s"] < 10 for one in found.values())


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM] if NIGHTLY else [signal.SIGKILL])
def test_role_plays_go_on_with_the_other_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: signal.Signals
) -> None:
    monkeypatch.setenv("SCRIPTED_REPLY", "It began|three weeks ago.")
    with two(tmp_path) as (servers, database):
        loss = asyncio.run(
            lose_beside(tmp_path, servers, 0, short_turns(3), url=servers[1].url, delay_s=0.3, sessions=4, how=how)
        )
        assert loss.held
        assert [one.faults for one in loss.survivals] == [[]] * 4
        figures = {figure.name: figure.value for figure in figures_of([loss], verify_audit(tmp_path, database))}
        assert figures["sessions_answered_after"] == 4
        assert figures["finished_lost"] == figures["audit_faults"] == 0
        assert faults_of(servers[1]) == []


def run(server: ServerProcess, database: str, *words: str) -> str:
    """Run a command beside the servers; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "server.cli", *words, "--set", f"data_path={server.data}", "--set", database],
        cwd=ROOT,
        env=plain_environment() | {"INTERLOCUTOR__DEVELOPER_KEY": KEY},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


async def ask(client: httpx2.AsyncClient, server: ServerProcess, path: str, body: object = None) -> dict[str, Any]:
    """Ask until no server says that another takes over; return the answer."""
    async with asyncio.timeout(30):
        while True:
            url = f"{server.url}{path}"
            answer = await (client.get(url) if body is None else client.post(url, json=body))
            if answer.status_code != 503:
                assert answer.status_code in (200, 201), answer.text
                told: dict[str, Any] = answer.json()
                return told
            await asyncio.sleep(0.1)  # as a page does


@by_night
@pytest.mark.asyncio
async def test_an_exam_goes_on_with_the_other_server(tmp_path: Path) -> None:
    times = ("session.prepare_s=60", "exam.warm_up_s=5")
    with two(tmp_path, "auth.mode=accounts", *times) as (servers, database):
        link = run(servers[0], database, "users", "invite", "anna@example.org", "--name", "Anna")
        opens = (datetime.now() - timedelta(minutes=1)).isoformat(timespec="seconds")
        cards = ("--card", CARD, "--card", "nursing-leg-wound")
        exam = run(servers[0], database, "exams", "create", "--candidate", "anna@example.org", *cards, "--from", opens)
        async with httpx2.AsyncClient() as client:
            token = link.partition("#")[2]
            welcomed = await ask(
                client, servers[0], "/api/invitation/accept", {"token": token, "password": "correct horse battery"}
            )
            client.headers["X-CSRF-Token"] = welcomed["csrf"]
            begun = await ask(client, servers[1], f"/api/exams/{exam}/begin", {})
            assert begun["state"] == "begun"
            named = zip(NAMES, servers, strict=True)
            (held,) = (one for name, one in named if exam in SharedHolder.held_by(tmp_path, name))
            other = next(one for one in servers if one is not held)
            opened = await ask(client, other, f"/api/exams/{exam}/session", {})
            os.kill(held.process.pid, signal.SIGKILL)
            held.process.wait()
            shown = await ask(client, other, f"/api/exams/{exam}")
            assert shown["state"] == "begun"
            # Its session is there too, with another token for it.
            again = await ask(client, other, f"/api/exams/{exam}/session", {})
            assert again["id"] == opened["id"]
        assert other.logged("exam_restored")
        assert faults_of(other) == []


@by_night
@pytest.mark.asyncio
async def test_one_that_stands_still_is_sent_nothing_new_and_loses_nothing(tmp_path: Path) -> None:
    with two(tmp_path) as (servers, _):
        for reserved, held, other in await one_on_each(servers):
            os.kill(held.process.pid, signal.SIGSTOP)
            try:
                status, raw = await asyncio.to_thread(
                    answered, "GET", f"{other.url}/api/sessions/{reserved.id}", reserved.token
                )
                assert (status, json.loads(raw)["error"]["code"]) == (503, "capacity.moving")
                assert holder_of(servers, await reserve(other.url, CARD)) is other
            finally:
                os.kill(held.process.pid, signal.SIGCONT)
            status, _ = await asyncio.to_thread(
                answered, "GET", f"{other.url}/api/sessions/{reserved.id}", reserved.token
            )
            assert status == 200
