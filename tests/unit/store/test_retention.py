"""What is deleted after its days, and what never is: by the store's dates, on a clock that can be believed."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog

from common.errors import ProtocolError
from pipelines.log.jsonl import EVENTS, PAYLOADS
from server.records.clock_doubts import Looks, judge
from server.records.folder import RecordFolder
from server.records.proof import prove_logs
from server.records.records import Records
from server.records.retention import Retention, Run
from server.settings.retention import DAY_MS, RetentionSettings
from server.store import audit, people, sessions
from server.store.holds import LegalHold, all_holds, check_free, hold, release
from server.store.people import Person
from server.store.sessions import IndexedSession
from server.store.store import Store
from server.store.tokens import now_ms
from tests.sealed import new_vault
from tests.unit.store.conftest import MakeStore

pytestmark = pytest.mark.asyncio

HOUR_MS = 3_600_000
LIMITS = RetentionSettings(practice_days=10, exam_days=20, most_per_run=3)


@dataclass
class World:
    """A store with role-plays in folders, and a clock that can be set."""

    store: Store
    root: Path
    now_ms: int = field(default_factory=now_ms)

    async def add(self, name: str, *, days_ago: float, mode: str = "practice", person: str | None = None) -> Path:
        over_ms = self.now_ms - round(days_ago * DAY_MS)
        row = IndexedSession(name, "card", "Card", mode, person, "ended", over_ms - 1, ended_ms=over_ms)
        async with self.store.database.writing() as connection:
            await sessions.begin(connection, row)
        folder = self.root / name
        folder.mkdir(parents=True)
        for file in (EVENTS, PAYLOADS, "recording.flac"):
            (folder / file).write_text("words")
        return folder

    async def run(self, *, after_ms: int = 0, **options: bool) -> Run:
        self.now_ms += after_ms
        return await Retention(self.store, self.root, LIMITS, wall_ms=lambda: self.now_ms).run(**options)

    async def steady(self, looks: int = 5) -> None:
        """Let a day pass with a look every six hours, of which nothing may go yet."""
        for _ in range(looks):
            assert (await self.run(after_ms=6 * HOUR_MS)).deleted == []

    async def state(self, name: str) -> str | None:
        async with self.store.database.reading() as connection:
            known = await sessions.by_id(connection, name)
        return known.state if known is not None else None

    async def actions(self) -> list[tuple[str, dict[str, Any]]]:
        async with self.store.database.reading() as connection:
            return [(line.action, line.content or {}) async for line in audit.lines(connection)]


def ids(run: Run) -> list[str]:
    return [due.id for due in run.deleted]


async def test_each_mode_has_its_days_and_the_dates_are_the_stores(opened: MakeStore, tmp_path: Path) -> None:
    async with opened() as store:
        world = World(store, tmp_path / "sessions")
        await world.steady()
        for name, days, mode in (
            ("sess_old", 12, "practice"),
            ("sess_grace", 10.5, "practice"),
            ("sess_exam", 12, "exam"),
            ("sess_old_exam", 22, "exam"),
            ("sess_unknown", 12, "unknown"),
            ("sess_fresh", 1, "practice"),
        ):
            await world.add(name, days_ago=days, mode=mode)
        stranger = world.root / "sess_stranger"
        stranger.mkdir()
        for folder in (stranger, world.root / "sess_fresh"):
            os.utime(folder, (100, 100))
        with structlog.testing.capture_logs() as lines:
            assert ids(await world.run()) == ["sess_old_exam", "sess_old"]
        told = [line["session"] for line in lines if line["event"] == "session_deleted"]
        assert told == ["sess_old_exam", "sess_old"]
        there = sorted(path.name for path in world.root.iterdir())
        assert there == ["sess_exam", "sess_fresh", "sess_grace", "sess_stranger", "sess_unknown"]
        assert (await world.state("sess_old"), await world.state("sess_fresh")) == ("erased", "ended")
        gone = [content["session"] for action, content in await world.actions() if action == "session.deleted"]
        assert gone == told
        # What it deleted it does not find again.
        assert (await world.run()).due == []


async def test_a_clock_that_jumps_ahead_deletes_nothing_and_is_told_of(opened: MakeStore, tmp_path: Path) -> None:
    async with opened() as store:
        world = World(store, tmp_path / "sessions")
        await world.steady()
        for number in range(7):
            await world.add(f"sess_{number}", days_ago=0.1)
        with structlog.testing.capture_logs() as lines:
            run = await world.run(after_ms=100 * DAY_MS)
        assert (run.deleted, len(run.due), run.alarm) == ([], 7, True)
        assert {"clock_doubted", "retention_waits"} <= {line["event"] for line in lines}
        assert "jumped" in str(run.why_not)
        assert len(list(world.root.iterdir())) == 7
        # Somebody sets it right: back, so that it waits again, and nothing is due any more.
        run = await world.run(after_ms=-100 * DAY_MS + HOUR_MS)
        assert (run.due, run.alarm) == ([], True)
        await world.steady()
        assert (await world.run()).why_not is None
        assert [action for action, _ in await world.actions()].count("clock.doubted") == 2


async def test_a_clock_set_back_waits_until_it_is_steady(opened: MakeStore, tmp_path: Path) -> None:
    async with opened() as store:
        world = World(store, tmp_path / "sessions")
        await world.steady()
        await world.add("sess_old", days_ago=20)
        run = await world.run(after_ms=-2 * HOUR_MS)
        assert (run.deleted, run.alarm) == ([], True)
        await world.steady(3)
        assert ids(await world.run(after_ms=6 * HOUR_MS)) == ["sess_old"]


async def test_whoever_compared_the_clock_need_not_wait(opened: MakeStore, tmp_path: Path) -> None:
    async with opened() as store:
        world = World(store, tmp_path / "sessions")
        await world.add("sess_old", days_ago=20)
        assert (await world.run()).why_not is not None
        assert ids(await world.run(clock_is_right=True)) == ["sess_old"]


async def test_a_run_deletes_so_many_at_most(opened: MakeStore, tmp_path: Path) -> None:
    async with opened() as store:
        world = World(store, tmp_path / "sessions")
        await world.steady()
        for number in range(5):
            await world.add(f"sess_{number}", days_ago=30 - number)
        run = await world.run()
        assert (ids(run), run.left) == (["sess_0", "sess_1", "sess_2"], 2)
        assert ids(await world.run()) == ["sess_3", "sess_4"]


async def test_what_is_held_stays_until_it_is_released(opened: MakeStore, tmp_path: Path) -> None:
    async with opened() as store:
        world = World(store, tmp_path / "sessions")
        await world.steady()
        async with store.database.writing() as connection:
            await people.add(connection, Person("per_1", "anna", "Anna", "candidate", "active", None, 1))
        await world.add("sess_held", days_ago=20)
        await world.add("sess_of_anna", days_ago=20, person="per_1")
        async with store.database.writing() as connection:
            await hold(connection, LegalHold("session", "sess_held", "complaint 7", "command line", 1))
            await hold(connection, LegalHold("person", "per_1", "a court asks", "command line", 2))
        run = await world.run()
        assert (run.due, run.held) == ([], 2)
        for name in ("sess_held", "sess_of_anna"):
            with pytest.raises(ProtocolError, match="held for a legal reason"):
                async with store.database.reading() as connection:
                    await check_free(connection, name)
        async with store.database.writing() as connection:
            await release(connection, "person", "per_1", reason="the court is done", by="command line")
        async with store.database.reading() as connection:
            assert [one.id for one in await all_holds(connection)] == ["sess_held"]
        assert ids(await world.run()) == ["sess_of_anna"]
        told = [(action, content) for action, content in await world.actions() if action.startswith("hold.")]
        assert [(action, content["reason"]) for action, content in told] == [
            ("hold.set", "complaint 7"),
            ("hold.set", "a court asks"),
            ("hold.released", "the court is done"),
        ]
        with pytest.raises(ProtocolError, match="no such hold"):
            async with store.database.writing() as connection:
                await release(connection, "session", "sess_none", reason="", by="command line")


async def test_a_folder_that_cannot_go_is_not_said_to_be_gone(
    opened: MakeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: RecordFolder) -> None:
        if self.folder.name == "sess_stuck":
            raise PermissionError(1, "Operation not permitted")
        really(self)

    async with opened() as store:
        world = World(store, tmp_path / "sessions")
        await world.steady()
        for name in ("sess_stuck", "sess_old"):
            await world.add(name, days_ago=20)
        really = RecordFolder.erase
        monkeypatch.setattr(RecordFolder, "erase", refuse)
        with structlog.testing.capture_logs() as lines:
            run = await world.run()
        assert (ids(run), run.failed) == (["sess_old"], ["sess_stuck"])
        assert [line["session"] for line in lines if line["event"] == "session_deleted"] == ["sess_old"]
        assert (world.root / "sess_stuck" / PAYLOADS).exists()
        assert "sess_stuck" not in [content.get("session") for _, content in await world.actions()]
        monkeypatch.undo()
        assert ids(await world.run()) == ["sess_stuck"]


async def test_a_tombstone_goes_after_its_days_and_the_audit_does_not_miss_it(
    opened: MakeStore, tmp_path: Path
) -> None:
    async with opened() as store:
        world = World(store, tmp_path / "sessions")
        await world.steady()
        folder = await world.add("sess_old", days_ago=20)
        RecordFolder(folder).erase()
        async with store.database.writing() as connection:
            await sessions.set_state(connection, "sess_old", "erased", erased_ms=world.now_ms)
            told = {"events": 1, "head": "0" * 64, "payloads": None}
            await audit.append(connection, "session.ended", session="sess_old", **told)
        assert ids(await world.run()) == ["sess_old"]
        assert not folder.exists()
        assert await prove_logs(store, Records(world.root, new_vault())) == (0, [])


async def test_what_a_crash_left_half_deleted_is_deleted_by_the_next_run(opened: MakeStore, tmp_path: Path) -> None:
    async with opened() as store:
        world = World(store, tmp_path / "sessions")
        await world.steady()
        await world.add("sess_old", days_ago=20)
        async with store.database.writing() as connection:
            await sessions.set_state(connection, "sess_old", "erasing")
        shutil.rmtree(world.root / "sess_old")
        assert ids(await world.run()) == ["sess_old"]
        assert await world.state("sess_old") == "erased"


@pytest.mark.parametrize(
    ("now", "last", "since", "newest", "words", "alarm"),
    [
        (10.0, None, None, None, "never looked at", False),
        (10.0, 9.9, 9.5, 9.9, "steady for", False),
        (10.0, 9.9, 8.9, 9.9, None, False),
        (10.0, 8.9, 1.0, 8.9, "jumped", True),
        (10.0, 10.1, 1.0, 9.0, "set back", True),
        (10.0, 9.9, 1.0, 10.1, "set back", True),
        (10.0, None, None, 10.1, "set back", True),
        # A few minutes are how clocks are set right.
        (10.0, 10.001, 1.0, 10.003, None, False),
    ],
)
async def test_what_is_thought_of_a_clock(
    now: float, last: float | None, since: float | None, newest: float | None, words: str | None, alarm: bool
) -> None:
    def at(days: float | None) -> int | None:
        return None if days is None else round(days * DAY_MS)

    judged = judge(round(now * DAY_MS), Looks(at(last), at(since), at(newest)))
    assert (judged.why_not is None, judged.alarm) == (words is None, alarm)
    assert (words or "") in (judged.why_not or "")
