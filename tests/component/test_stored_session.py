"""Stored role-plays through today's build: the same again, and what differs when something has changed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bench.cli import app as command_line
from bench.replay import run
from bench.stored_session import Course, SaidTurn, StoredSession, compare, load_session, replay_session
from common.errors import StorageError
from pipelines.events import SessionSetup
from pipelines.patient.card_library import CardLibrary
from pipelines.virtual_time import VirtualClock, virtual_clock
from server.records.folder import RecordFolder
from server.settings.tree import CONFIG_FOLDER, Settings, load_settings
from tests.bench.stored_sessions import store_session

AUDIO = Path(__file__).resolve().parents[1] / "data" / "thinking-pause.flac"
SCRIPTED = "engines.backend=mock"
SLOWER = "conversation.fixed_wait_ms=1200"


@pytest.fixture(scope="module")
def cards() -> CardLibrary:
    return CardLibrary.load(CONFIG_FOLDER / "cards")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory, cards: CardLibrary) -> Path:
    """A stored role-play of one recording."""
    folder = tmp_path_factory.mktemp("stored") / "one"
    store_session(folder, AUDIO, settings(), cards, seed=7)
    return folder


def settings(*more: str) -> Settings:
    return load_settings(overrides=(SCRIPTED, *more))


def test_with_nothing_changed_all_is_the_same(stored: Path, cards: CardLibrary) -> None:
    found = replay_session(load_session(stored, None), settings(), cards)
    assert found.changed == ()
    assert (found.same_text, found.same_cues, found.same_times) == (True, True, True)
    assert found.before.turns
    assert found.as_json()["words"]["differing"] == 0


def test_one_changed_setting_is_named_and_so_is_what_came_of_it(stored: Path, cards: CardLibrary) -> None:
    found = replay_session(load_session(stored, None), settings(SLOWER), cards)
    assert found.changed == (("conversation.fixed_wait_ms", None, 1200.0),)
    # The pause in the sentence ends no turn any more.
    assert len(found.after.turns) < len(found.before.turns)
    assert not found.same_text


def test_a_busy_machine_changes_nothing_unless_it_is_to_be_measured(
    stored: Path, cards: CardLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs: list[float] = []

    def steady(*, steady_ms: float | None = None) -> VirtualClock:
        clock = virtual_clock(steady_ms=steady_ms)

        async def pass_two_seconds() -> None:
            before_ms = clock.now_ms()
            # As where many others compute.
            await clock.charge(2_000.0)
            costs.append(clock.now_ms() - before_ms)

        asyncio.get_running_loop().create_task(pass_two_seconds())
        return clock

    monkeypatch.setattr(run, "virtual_clock", steady)
    one = load_session(stored, None)
    assert one.cost_ms < 2_000.0
    assert replay_session(one, settings(), cards).same_text
    replay_session(one, settings(), cards, measured=True)
    assert costs == [pytest.approx(one.cost_ms), pytest.approx(2_000.0)]


def test_what_was_erased_is_not_replayed(tmp_path: Path, cards: CardLibrary) -> None:
    folder = tmp_path / "one"
    store_session(folder, AUDIO, settings(), cards, seed=7)
    RecordFolder(folder).erase()
    with pytest.raises(StorageError, match="can't be replayed"):
        load_session(folder, None)


def test_the_command_replays_a_folder_of_role_plays(stored: Path, tmp_path: Path) -> None:
    place = ("--set", SCRIPTED, "--set", f"data_path={tmp_path}")
    invoke = CliRunner().invoke
    same = invoke(command_line, ["sessions", "replay", str(stored.parent), *place])
    assert same.exit_code == 0, same.output
    assert "text same, cues same, times same" in same.stdout
    changed = invoke(command_line, ["sessions", "replay", str(stored), *place, "--set", SLOWER])
    assert changed.exit_code == 0, changed.output
    assert "changed: conversation.fixed_wait_ms: None then, 1200.0 now" in changed.stdout
    missing = invoke(command_line, ["sessions", "replay", "sess_none", *place])
    assert missing.exit_code == 1


# ------------------------------------------------------------------ the comparison


def session(*turns: SaidTurn) -> StoredSession:
    setup = SessionSetup("card", 1, "", {}, "")
    return StoredSession("one", setup, np.zeros(0, dtype=np.int16), Course(turns, ("a", "b")), 0)


def test_a_turn_that_is_now_two_is_compared_with_both() -> None:
    before = session(SaidTurn("do you smoke or drink", 1_000, 4_000, 500))
    after = Course((SaidTurn("do you smoke", 1_010, 2_000, 400), SaidTurn("or drink", 2_800, 4_030, 600)), ("a", "b"))
    found = compare(before, after)
    assert found.differing == ()
    # The words are the same, the turns are not.
    assert not found.same_text
    assert found.same_times
    assert found.moved_ms == (10, 30)


def test_words_that_differ_are_counted_and_shown() -> None:
    before = session(SaidTurn("do you smoke", 1_000, 2_000, 500), SaidTurn("thank you", 5_000, 6_000, None))
    found = compare(before, Course((SaidTurn("do you choke", 1_000, 2_200, 900),), ("b", "a")))
    assert found.differing == (("do you smoke", "do you choke"), ("thank you", ""))
    assert (found.word_errors, found.words) == (3, 5)
    assert not found.same_cues
    assert not found.same_times
    told = found.as_json()
    assert told["voice_to_voice_ms_p50"] == {"before": 500, "now": 900}
