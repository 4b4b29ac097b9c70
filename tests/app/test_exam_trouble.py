"""Exams in trouble: servers that stop or can't start, databases that are slow, sessions that are declared void."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.errors import CapacityError, DatabaseError
from server.exams import sittings
from server.exams.schedule import Schedule
from server.exams.sitting import Sitting
from server.host import Server
from server.loading import load_engines
from server.principal import Principal
from server.sessions import checkpoints
from server.sessions.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from server.sessions.session import Session, Status
from server.settings.tree import Settings
from server.store import exams
from server.store.exams import Exam, ExamSession
from server.store.store import Store
from server.store.tables import exam_parts
from server.store.tokens import now_ms
from server.vault.opening import open_vault
from server.wire.wire_point import WirePoint
from tests.app.accounts import world
from tests.app.inside import until
from tests.app.test_exams import CARDS, SHORT, Hall, code, hall

pytestmark = pytest.mark.asyncio

NO_WARM_UP = {"warm_up_s": 0}
RUNNING = "sess_0123456789abcdef0123"


def leave_running(folder: Path) -> Path:
    """Leave a session behind as a killed server does whose client may come back; return its folder."""
    left = folder / "sessions" / RUNNING
    left.mkdir(parents=True)
    wire = WirePoint(
        role="candidate", tickets=("0" * 64,), input_hz=24_000, turn_detection=None, acks=False, received_ms=0.0,
        number=0, seq=0, left_ms=None, paused=False,
    )  # fmt: skip
    card, at_ms = CARDS[0], now_ms()
    checkpoint = Checkpoint(
        at_ms=at_ms, card=card, mode="exam", person=None, tokens=(), consent=None, wire=wire, joined=True
    )
    write_checkpoint(left, checkpoint)
    return left


async def left_exam(folder: Path) -> str:
    """Leave an exam behind in the middle of its first role-play, with its session; return its id."""
    async with hall(folder, warm_up_s=0) as h:
        await h.candidate.post(f"{h.path}/begin", json={})
        await h.in_phase("role_play", 1)
        async with h.one.server.store.database.writing() as connection:
            await exams.add_session(connection, h.exam["id"], ExamSession(RUNNING, 1, now_ms()))
        exam_id: str = h.exam["id"]
    leave_running(folder)
    return exam_id


async def name_card(folder: Path, card: str) -> None:
    """Have the second parts of exams be about this card."""
    settings = Settings(data_path=folder)
    store = Store(settings.database, settings.audit, folder, open_vault(settings))
    await store.open()
    async with store.database.writing() as connection:
        await connection.execute(exam_parts.update().values(card_id=card).where(exam_parts.c.number == 2))
    await store.stop()


@pytest.fixture
def loading(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Have engines load no sooner than this is set."""
    may = asyncio.Event()

    async def load_later(*args: Any, **kwargs: Any) -> str | None:
        await may.wait()
        return await load_engines(*args, **kwargs)

    monkeypatch.setattr("server.host.load_engines", load_later)
    return may


async def on_disk(server: Server) -> None:
    await server.disk.run(lambda: None)


def sitting_of(h: Hall) -> Sitting:
    return h.one.server.sittings._sittings[h.exam["id"]]


async def talking(h: Hall) -> Session:
    """Have the candidate's first role-play run."""
    server = h.one.server
    await h.candidate.post(f"{h.path}/begin", json={})
    await h.in_phase("role_play", 1)
    session = server.registry.get((await h.candidate.post(f"{h.path}/session", json={})).json()["id"])
    server.registry.join(session)
    server.new_live(session, Principal("candidate", session.id))
    assert sitting_of(h).clock.talking
    return session


# -------------------------------------------------------------- a start, and what comes while engines load


async def test_a_second_restart_while_engines_load_loses_no_role_play(
    tmp_path: Path, loading: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = leave_running(tmp_path)
    monkeypatch.setattr(checkpoints, "EVERY_S", 0.01)
    async with world(tmp_path, ready=False) as one:
        server, asked = one.server, 0
        assert [session.id for session in server.registry.running()] == [RUNNING]

        def running() -> list[Session]:
            nonlocal asked
            asked += 1
            return server.registry.running()

        keeping = asyncio.create_task(checkpoints.keep_for_ever(server.checkpoints, running))
        await until(lambda: asked > 2)
        keeping.cancel()
        await on_disk(server)
        left = read_checkpoint(folder)
        assert left is not None
        assert left.wire is not None
        loading.set()
        await until(lambda: server.not_ready is None)
        assert server.registry.get(RUNNING).live is not None


async def test_what_was_suspended_while_engines_load_is_left_to_the_next_server(
    tmp_path: Path, loading: asyncio.Event
) -> None:
    folder = leave_running(tmp_path)
    async with world(tmp_path, ready=False) as one:
        session = one.server.registry.get(RUNNING)
        assert one.server.registry.suspend(session)
        loading.set()
        await until(lambda: one.server.not_ready is None)
        assert session.live is None
    assert read_checkpoint(folder) is not None


@pytest.mark.parametrize("whole", [True, False])
async def test_what_is_voided_while_engines_load_ends_and_the_server_is_ready(
    tmp_path: Path, loading: asyncio.Event, whole: bool
) -> None:
    loading.set()
    exam_id = await left_exam(tmp_path)
    loading.clear()
    async with world(tmp_path, session=SHORT, exam=NO_WARM_UP, ready=False) as one:
        session = one.server.registry.get(RUNNING)
        if whole:
            await one.server.sittings.void("somebody", exam_id, "fire alarm")
        else:
            await one.server.sittings.void_session("somebody", exam_id, RUNNING, "fire alarm")
        loading.set()
        await until(lambda: one.server.not_ready is None)
        await until(session.ended.is_set)
        assert (exam_id in one.server.sittings._sittings) is not whole


async def test_a_fault_while_loading_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*args: Any, **kwargs: Any) -> str | None:
        await load_engines(*args, **kwargs)
        raise KeyError("a fault")

    monkeypatch.setattr("server.host.load_engines", fail)
    async with world(tmp_path, ready=False) as one:
        await until(lambda: one.server.not_ready != "engines are loading")
        assert "a fault" in str(one.server.not_ready)


@pytest.mark.parametrize("fault", ["database", "card"])
async def test_an_exam_that_can_not_be_gone_on_with_now_is_left_to_the_next_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    exam_id = await left_exam(tmp_path)
    point = tmp_path / "exams" / f"{exam_id}.json"
    point.write_text(point.read_text().replace('"sessions":[]', f'"sessions":["{RUNNING}"]'))

    async def no_exam(*_args: Any) -> Exam:
        raise DatabaseError("the database is locked")

    with monkeypatch.context() as broken:
        if fault == "database":
            broken.setattr(Schedule, "get", no_exam)
        else:
            await name_card(tmp_path, "gone")
        async with world(tmp_path, session=SHORT, exam=NO_WARM_UP) as one:
            assert one.server.sittings._sittings == {}
            # Alone it would show its candidate what an exam doesn't show.
            assert one.server.registry.get(RUNNING).live is None
            await on_disk(one.server)
    await name_card(tmp_path, CARDS[1])
    async with world(tmp_path, session=SHORT, exam=NO_WARM_UP) as one:
        assert set(one.server.sittings._sittings) == {exam_id}
        session = one.server.registry.get(RUNNING)
        assert session.talk_s is not None
        assert session.live is not None


async def test_an_exam_that_was_voided_without_a_server_is_gone_with_its_session(tmp_path: Path) -> None:
    exam_id = await left_exam(tmp_path)
    (tmp_path / "sessions" / RUNNING).rename(tmp_path / "aside")
    async with world(tmp_path, session=SHORT, exam=NO_WARM_UP) as one:
        await one.server.schedule.void("somebody", exam_id, "fire alarm")
        point = (tmp_path / "exams" / f"{exam_id}.json").read_bytes()
    (tmp_path / "aside").rename(tmp_path / "sessions" / RUNNING)
    (tmp_path / "exams" / f"{exam_id}.json").write_bytes(point)
    async with world(tmp_path, session=SHORT, exam=NO_WARM_UP) as one:
        await until(one.server.registry.get(RUNNING).ended.is_set)
        await on_disk(one.server)
        assert not (tmp_path / "exams" / f"{exam_id}.json").exists()


# -------------------------------------------------------------- a server that is to stop


async def stands(clock_left_s: Callable[[], float]) -> bool:
    left_s = clock_left_s()
    await asyncio.sleep(0.05)
    return clock_left_s() == left_s


async def test_a_server_that_stops_takes_no_time_from_those_who_prepare(tmp_path: Path) -> None:
    async with hall(tmp_path, warm_up_s=0) as h:
        server = h.one.server
        server.admission.draining = True
        refused = await h.candidate.post(f"{h.path}/begin", json={})
        assert await code(refused) == (503, "capacity.draining")
        assert (await h.seen())["state"] == "scheduled"
        server.admission.draining = False
        await h.candidate.post(f"{h.path}/begin", json={})
        await h.in_phase("role_play", 1)
        session = server.registry.get((await h.candidate.post(f"{h.path}/session", json={})).json()["id"])
        await server.draining.run()
        clock = sitting_of(h).clock
        with pytest.raises(CapacityError):
            server.registry.join(session)
        assert not clock.talking
        assert await stands(lambda: clock.left_s)


@pytest.mark.parametrize("how", ["ended", "suspended", "disconnected"])
async def test_after_a_talk_the_clock_of_a_server_that_stops_stands(tmp_path: Path, how: str) -> None:
    async with hall(tmp_path, warm_up_s=0) as h:
        server, session = h.one.server, await talking(h)
        clock = sitting_of(h).clock
        session.live = None
        server.admission.draining = True
        server.sittings.hold()
        assert not await stands(lambda: clock.left_s)
        if how == "suspended":
            server.registry.suspend(session)
        else:
            session.ended_by = how
            server.registry.finish(session)
        await session.ended.wait()
        await until(lambda: clock._timer is None)
        phase = clock.phase
        assert phase is not None
        assert (phase.name, phase.part) == (("preparation", 2) if how == "ended" else ("role_play", 1))
        assert await stands(lambda: clock.left_s)


# -------------------------------------------------------------- while it runs


@pytest.mark.parametrize("by_command", [False, True])
async def test_a_role_play_that_is_declared_void_ends_and_can_be_held_again(tmp_path: Path, by_command: bool) -> None:
    async with hall(tmp_path, warm_up_s=0) as h:
        server, session = h.one.server, await talking(h)
        clock, live = sitting_of(h).clock, session.live
        assert live is not None
        if by_command:
            await server.schedule.void_session("somebody", h.exam["id"], session.id, "noise")
        else:
            voided = await h.examiner.post(f"{h.path}/void", json={"reason": "noise", "session": session.id})
            assert voided.status_code == 200
        await until(lambda: live.code == 1011)
        assert not clock.talking
        server.registry.finish(session)
        again = (await h.candidate.post(f"{h.path}/session", json={})).json()
        assert again["id"] != session.id
        assert clock.phase is not None
        assert (clock.phase.name, clock.phase.part) == ("role_play", 1)
        server.registry.join(server.registry.get(again["id"]))
        assert clock.talking


async def test_nobody_can_join_a_session_that_is_void(tmp_path: Path) -> None:
    async with hall(tmp_path, warm_up_s=0) as h:
        await h.candidate.post(f"{h.path}/begin", json={})
        opened = (await h.candidate.post(f"{h.path}/session", json={})).json()
        session = h.one.server.registry.get(opened["id"])
        await h.examiner.post(f"{h.path}/void", json={"reason": "noise", "session": session.id})
        assert session.status is Status.ENDED
        assert (await h.joining(opened)).status_code == 401


async def test_a_slow_database_delays_no_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sittings, "EVERY_S", 0.02)
    may, get, asked = asyncio.Event(), Schedule.get, 0

    async def slowly(schedule: Schedule, exam_id: str) -> Exam:
        nonlocal asked
        asked += 1
        await may.wait()
        return await get(schedule, exam_id)

    async with hall(tmp_path, warm_up_s=0) as h:
        await h.candidate.post(f"{h.path}/begin", json={})
        monkeypatch.setattr(Schedule, "get", slowly)
        await until(lambda: asked > 0)
        point = tmp_path / "exams" / f"{h.exam['id']}.json"
        for _ in range(3):
            before = point.read_bytes()
            await until(lambda before=before: point.read_bytes() != before)  # type: ignore[misc]
        may.set()
