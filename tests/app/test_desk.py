"""The examiners' desk on real sockets: who gets in, what they are sent, and how they are put out."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from sqlalchemy import insert
from websockets.exceptions import InvalidStatus

from audio.frames import WIRE_HZ
from pipelines.events import Audience
from server.desk import desk as desk_module
from server.host import Server
from server.http.who import csrf_of
from server.protocol.desk_messages import parse_sound
from server.sessions.session import Session
from server.store import audit, exams, notes
from server.store.tables import notes as note_rows
from tests.app.accounts import World, world
from tests.app.asking import answered
from tests.app.desk import Follower, following, knock, ticket
from tests.app.inside import KEY, serving, until
from tests.app.wire import CARD, Wire, connect_to, reserved_at, sentence

PATIENCE_S = 30.0
CUT_WITHIN_S = 1.0


@asynccontextmanager
async def talking(address: str, mode: str = "exam") -> AsyncIterator[tuple[Wire, str]]:
    reserved, _ = await reserved_at(f"http://{address}", mode=mode)
    wire = Wire(await connect_to(reserved))
    try:
        await wire.until("session.created")
        yield wire, reserved.id
    finally:
        await wire.drop()


def log_of(server: Server, session_id: str) -> list[int]:
    session = server.registry.get(session_id)
    assert session.driver is not None
    return [record.envelope.seq for record in session.driver.log.snapshot(Audience.EXAMINER).records]


@pytest.mark.asyncio
async def test_somebody_who_comes_late_gets_all_there_was_and_then_what_comes(tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, server), talking(address) as (wire, session_id):
        wire.microphone()
        await wire.answered()
        async with following(address, session_id) as late:
            await until(lambda: "reply_finished" in late.kinds())
            snapshot = late.told[0]
            assert snapshot["type"] == "interlocutor.desk.snapshot"
            assert snapshot["session"]["mode"] == "exam"
            assert [cue["id"] for cue in snapshot["session"]["card"]["cues"]]
            before = len(late.events)
            await wire.answered()
            await until(lambda: late.kinds().count("turn_committed") == 2)
            assert len(late.events) > before
            await until(lambda: [event["seq"] for event in late.events] == log_of(server, session_id))
            assert "utterance_interpreted" in late.kinds()
            assert not {"session_setup", "draft_made", "media_gap"} & set(late.kinds())
            assert await wire.end() == 1000
            await until(lambda: late.close_code is not None)
            assert late.close_code == 1000
            assert late.told[-1] == {"type": "interlocutor.desk.over"}
            assert late.kinds()[-1] == "session_ended"


@pytest.mark.asyncio
async def test_somebody_who_comes_early_is_there_when_it_begins_and_nobody_comes_after_the_end(tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, server):
        reserved, _ = await reserved_at(f"http://{address}", mode="exam")
        async with following(address, reserved.id) as early:
            await until(lambda: bool(early.told))
            assert early.told[0]["session"]["status"] == "reserved"
            wire = Wire(await connect_to(reserved))
            await wire.answered()
            await until(lambda: "turn_committed" in early.kinds())
            assert [one["session"]["status"] for one in early.told if "session" in one] == ["reserved", "running"]
            assert await wire.end() == 1000
            await wire.drop()
            await until(lambda: early.close_code == 1000)
        await until(lambda: not server.registry.running())
        url = f"http://{address}/api/sessions/{reserved.id}/follow"
        status, raw = await asyncio.to_thread(answered, "POST", url, KEY, b"{}")
        assert status == 409
        assert json.loads(raw)["error"]["code"] == "session.over"


@pytest.mark.asyncio
async def test_a_ticket_is_good_once_and_nothing_else_is(tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, server), talking(address) as (_, session_id):
        told = await ticket(address, session_id)
        socket = await knock(told)
        for bad in (told, told | {"ticket": "forged"}, told | {"ticket": ""}):
            with pytest.raises(InvalidStatus) as refused:
                await knock(bad)
            assert refused.value.response.status_code == 401
        with pytest.raises(InvalidStatus) as refused:
            await knock(await ticket(address, session_id), Origin="https://evil.example")
        assert refused.value.response.status_code == 403
        await socket.close()
        await until(lambda: server.desk.present(session_id) == (0, 0))


@pytest.mark.asyncio
async def test_ten_tabs_see_the_same_and_one_too_many_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "MOST_OBSERVERS", 10)
    async with serving(tmp_path) as (address, server), talking(address) as (wire, session_id):
        await wire.answered()
        async with AsyncExitStack() as stack:
            tabs = [await stack.enter_async_context(following(address, session_id)) for _ in range(10)]
            await until(lambda: server.desk.present(session_id) == (10, 0))
            url = f"http://{address}/api/sessions/{session_id}/follow"
            assert (await asyncio.to_thread(answered, "POST", url, KEY, b"{}"))[0] == 503
            await wire.answered()
            wanted = log_of(server, session_id)
            await until(lambda: all([event["seq"] for event in tab.events][: len(wanted)] == wanted for tab in tabs))
        await until(lambda: server.desk.present(session_id) == (0, 0))
        await wire.answered()


@pytest.mark.asyncio
async def test_both_voices_are_heard_as_they_are_and_the_last_of_them_on_request(tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, _), talking(address, "practice") as (wire, session_id):
        wire.microphone()
        async with following(address, session_id) as one:
            await one.socket.send('{"type": "interlocutor.desk.listen", "on": true}')
            await until(lambda: bool(one.sound))
            await wire.until("interlocutor.session.observed", lambda event: event["listening"] == 1)
            wire.speak(sentence())
            await wire.say("How are you today?")
            await wire.until("response.done")
            await until(lambda: np.abs(both(one.sound)).max(axis=0).min() > 1_000)
            first_ms = parse_sound(one.sound[0])[0]
            async with following(address, session_id) as late:
                await late.socket.send('{"type": "interlocutor.desk.listen", "on": true, "back_s": 30}')
                await until(lambda: bool(late.sound))
                began_s = time.monotonic()
                await until(lambda: both(late.sound).shape[0] > both(one.sound).shape[0] * 0.9)
                assert time.monotonic() - began_s < PATIENCE_S
                assert parse_sound(late.sound[0])[0] <= first_ms
        await wire.until("interlocutor.session.observed", lambda event: event["following"] == 0)


def both(sound: list[bytes]) -> np.ndarray:
    """Return the voices so far, int16 (n, 2); fails where a piece does not follow the one before it."""
    place = None
    for piece in sound:
        at_ms, pcm = parse_sound(piece)
        assert place is None or abs(at_ms - place) <= 1.0
        place = at_ms + 1000.0 * (len(pcm) // 4) / WIRE_HZ
    joined = b"".join(parse_sound(piece)[1] for piece in sound)
    return np.frombuffer(joined or bytes(4), dtype="<i2").reshape(-1, 2)


# ------------------------------------------------------------------ rights


@asynccontextmanager
async def examined(folder: Path) -> AsyncIterator[tuple[str, Server, str, Session]]:
    """Serve with an examiner who is logged in; yield the address, the server, their cookie's secret and an exam."""
    async with serving(folder, auth="accounts") as (address, server):
        _, link = await server.accounts.invite("a test", login="eva@example.org", name="Eva", role="examiner")
        secret, _ = await server.accounts.accept(link, "correct horse battery staple", "loopback")
        session, _ = server.registry.reserve(CARD, "exam")
        await World(None, server, folder).examine(session.id, examiners=("eva@example.org",))
        yield address, server, secret, session


async def followed(address: str, server: Server, secret: str, session: Session) -> Follower:
    cookie = f"interlocutor-{server.store.instance}={secret}"
    headers = {"Cookie": cookie, "X-CSRF-Token": csrf_of(secret)}
    async with httpx2.AsyncClient(base_url=f"http://{address}", headers=headers) as client:
        answer = await client.post(f"/api/sessions/{session.id}/follow")
        assert answer.status_code == 201, answer.text
        listed = (await client.get("/api/desk/live")).json()["sessions"]
        assert [(one["id"], one["phase"]) for one in listed] == [(session.id, "preparing")]
    follower = Follower(await knock(answer.json()))
    await until(lambda: bool(follower.told))
    return follower


@pytest.mark.asyncio
@pytest.mark.parametrize("how", ["role", "disabled", "log-out", "another examiner"])
async def test_whoever_loses_the_right_is_put_out_within_a_second(tmp_path: Path, how: str) -> None:
    async with examined(tmp_path) as (address, server, secret, session):
        follower = await followed(address, server, secret, session)
        eva = await server.accounts.find("eva@example.org")
        began_s = time.monotonic()
        if how == "role":
            await server.accounts.change("a test", eva.id, role="candidate")
        elif how == "disabled":
            await server.accounts.change("a test", eva.id, enabled=False)
        elif how == "log-out":
            await server.accounts.log_out(secret, eva.id)
        else:
            async with server.store.database.reading() as connection:
                exam = await exams.of_session(connection, session.id)
            assert exam is not None
            await server.accounts.invite("a test", login="finn@example.org", name="Finn", role="examiner")
            await server.sittings.assign("a test", exam.id, ["finn@example.org"])
        await until(lambda: follower.close_code is not None)
        took_s = time.monotonic() - began_s
        assert follower.close_code == 4403
        assert follower.told[-1]["code"] == "access.withdrawn"
        assert took_s < CUT_WITHIN_S
        assert server.desk.present(session.id) == (0, 0)


@pytest.mark.asyncio
async def test_the_audit_knows_who_followed_and_who_listened(tmp_path: Path) -> None:
    async with examined(tmp_path) as (address, server, secret, session):
        follower = await followed(address, server, secret, session)
        await follower.socket.close()
        await follower.task
        assert await server.store.ledger.drained(5.0)
        eva = await server.accounts.find("eva@example.org")
        async with server.store.database.reading() as connection:
            lines = [line async for line in audit.lines(connection)]
        told = [line.content for line in lines if line.action == "desk.followed"]
        assert told == [{"by": eva.id, "session": session.id}]


@pytest.mark.asyncio
async def test_the_list_shows_exams_to_examiners_and_no_practice(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        eva = await one.person("eva@example.org", "examiner")
        ana = await one.id_of("eva@example.org")
        exam, _ = one.server.registry.reserve(CARD, "exam")
        await one.examine(exam.id, examiners=("eva@example.org",))
        practice, _ = one.server.registry.reserve(CARD, "practice")
        own, _ = one.server.registry.reserve(CARD, "exam", person_id=ana)
        await one.examine(own.id, of=ana, examiners=("eva@example.org",))
        others, _ = one.server.registry.reserve(CARD, "exam")
        await one.examine(others.id)
        listed = (await eva.get("/api/desk/live")).json()["sessions"]
        assert [row["id"] for row in listed] == [exam.id]
        assert listed[0]["card"]["id"] == CARD
        assert {practice.id, own.id, others.id} == {
            row["id"]
            for row in (await one.client(Authorization=f"Bearer {KEY}").get("/api/desk/live")).json()["sessions"]
        } - {exam.id}


# ------------------------------------------------------------------ notes


def written(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {"id": f"{number:032x}", "kind": "note", "at_ms": 61_000, "text": "Good opening 😀 <b>"} | fields


@pytest.mark.asyncio
async def test_notes_are_ones_own_and_incidents_are_everybodys(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        eva, finn = await one.person("eva@example.org", "examiner"), await one.person("finn@example.org", "examiner")
        exam = await one.past(mode="exam", examiners=("eva@example.org", "finn@example.org"))
        path = f"/api/sessions/{exam}/notes"
        assert (await eva.post(path, json=written(1))).status_code == 201
        assert (await eva.post(path, json=written(1))).status_code == 200
        assert (await eva.post(path, json=written(2, kind="bookmark", text=""))).status_code == 201
        assert (await finn.post(path, json=written(3, kind="incident", text="Loud noise"))).status_code == 201
        mine = (await eva.get(path)).json()
        assert mine["next"] is None
        assert [(row["kind"], row["own"], row["text"]) for row in mine["notes"]] == [
            ("note", True, "Good opening 😀 <b>"),
            ("bookmark", True, ""),
            ("incident", False, "Loud noise"),
        ]
        assert [row["kind"] for row in (await finn.get(path)).json()["notes"]] == ["incident"]
        taken_back = written(4, kind="withdrawn", text="", withdraws=f"{1:032x}")
        assert (await finn.post(path, json=taken_back)).json()["error"]["code"] == "note.refused"
        assert (await eva.post(path, json=taken_back)).status_code == 201


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "x"},
        {"id": "é" * 32},
        {"kind": "mark"},
        {"at_ms": -1},
        {"at_ms": 1.5},
        {"at_ms": 10**12},
        {"text": "x" * 2_001},
        {"text": " "},
        {"text": "a\0b"},
        {"text": ["x"]},
        {"withdraws": f"{2:032x}"},
        {"more": 1},
    ],
)
async def test_a_note_that_is_wrong_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    async with world(tmp_path) as one:
        eva = await one.person("eva@example.org", "examiner")
        answer = await eva.post(
            f"/api/sessions/{await one.past(mode='exam', examiners=('eva@example.org',))}/notes", json=written() | wrong
        )
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "note.fields"


@pytest.mark.asyncio
async def test_ten_thousand_bookmarks_are_read_in_pages(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        eva = await one.person("eva@example.org", "examiner")
        eva_id = await one.id_of("eva@example.org")
        exam = await one.past(mode="exam", examiners=("eva@example.org",))
        rows = [
            notes.Note(exam, f"{n:032x}", eva_id, "Eva", "bookmark", n, "", n // 7).as_json() for n in range(10_000)
        ]
        async with one.server.store.database.writing() as connection:
            await connection.execute(insert(note_rows), rows)
        found: list[int] = []
        after = ""
        while True:
            page = (await eva.get(f"/api/sessions/{exam}/notes{after}")).json()
            found += [row["at_ms"] for row in page["notes"]]
            if page["next"] is None:
                break
            after = f"?after={page['next']}"
        assert found == list(range(10_000))
