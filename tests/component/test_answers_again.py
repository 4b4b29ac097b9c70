"""A stored role-play is replayed with engines that take another time for everything: what came of it is the same.

The recogniser here is as sensitive as any can be: its text tells how far the audio reached that it was given, and how
many words it was told before.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audio.clock import Clock
from audio.frames import ANALYSIS_HZ
from bench.replay import run
from bench.stored_session import load_session, replay_session
from pipelines.engine_choices import Choices
from pipelines.engine_lanes import build_lanes
from pipelines.engine_settings import EngineSettings
from pipelines.engines import Decoded, DecodedBatch, DecodeRequest, EngineInfo, Word
from pipelines.events import AnswersTimed, Audience
from pipelines.lanes.answer_times import PastAnswers
from pipelines.lanes.base import Lane
from pipelines.lanes.decodes import DecodeLane
from pipelines.lanes.jobs import JobLane
from pipelines.lanes.messages import Yielded
from pipelines.log.stored_events import StoredLog
from pipelines.patient.card_library import CardLibrary
from pipelines.session.driver import Engines
from server.settings.tree import CONFIG_FOLDER, load_settings
from tests.bench.stored_sessions import store_session

AUDIO = Path(__file__).resolve().parents[1] / "data" / "consultation-medicine.flac"
SETTINGS = load_settings(overrides=("engines.backend=mock",))
WORD_MS = 250


class SensitiveDecoder:
    """Says a word for each quarter of a second, and then what it was given; each call costs something else."""

    def __init__(self, seed: int) -> None:
        self.info = EngineInfo(kind="recogniser", name="sensitive", demonstration=True, isolation="thread")
        self._dice = random.Random(seed)

    def warm(self) -> None:
        """Nothing to load."""

    def decode(self, requests: Sequence[DecodeRequest]) -> DecodedBatch:
        return DecodedBatch(tuple(map(_read, requests)), cost_ms=self._dice.uniform(20.0, 400.0))


def _read(request: DecodeRequest) -> Decoded:
    count = len(request.samples) * 1000 // (ANALYSIS_HZ * WORD_MS)
    texts = [*request.prefix, *(f"word{number}" for number in range(len(request.prefix), count))]
    texts.append(f"{len(request.samples)}+{len(request.prefix)}")
    return Decoded(tuple(Word(text, at * WORD_MS, (at + 1) * WORD_MS) for at, text in enumerate(texts)))


class UnevenMachine:
    """What the engines of one run take for their answers, by its seed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
        self.seed = seed
        dice = random.Random(seed)

        async def answer(lane: JobLane, index: int, call: Any, *, free: bool = False) -> AsyncIterator[Yielded]:
            async for part in Lane._call(lane, index, call, free=True):
                if not free:
                    await asyncio.sleep(dice.uniform(0.005, 0.15))
                yield part

        monkeypatch.setattr(JobLane, "_call", answer)
        monkeypatch.setattr(run, "build_lanes", self._build)

    def _build(self, choices: Choices, settings: EngineSettings, clock: Clock) -> Engines:
        seed = self.seed
        ear = DecodeLane(lambda: SensitiveDecoder(seed), isolation="thread", workers=2, clock=clock, name="recogniser")
        return replace(build_lanes(choices, settings, clock), recogniser=ear)


@pytest.fixture(scope="module")
def cards() -> CardLibrary:
    return CardLibrary.load(CONFIG_FOLDER / "cards")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory, cards: CardLibrary) -> Path:
    """A role-play as one machine held it."""
    folder = tmp_path_factory.mktemp("stored") / "one"
    with pytest.MonkeyPatch.context() as monkeypatch:
        UnevenMachine(monkeypatch, 1)
        store_session(folder, AUDIO, SETTINGS, cards, seed=7)
    return folder


def test_it_is_the_same_whatever_the_engines_take_now(
    stored: Path, cards: CardLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = load_session(stored, None)
    assert len(one.course.turns) > 5
    UnevenMachine(monkeypatch, 2)
    found = replay_session(one, SETTINGS, cards)
    assert found.differing == ()
    assert (found.same_text, found.same_cues, max(found.moved_ms)) == (True, True, 0.0)
    assert found.after == one.course


def test_without_the_times_of_the_answers_it_is_not(
    stored: Path, cards: CardLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = replace(load_session(stored, None), answers=PastAnswers())
    UnevenMachine(monkeypatch, 2)
    assert not replay_session(one, SETTINGS, cards).same_text


def test_another_setting_is_not_held_to_the_old_times(
    stored: Path, cards: CardLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    UnevenMachine(monkeypatch, 2)
    settings = load_settings(overrides=("engines.backend=mock", "conversation.fixed_wait_ms=1500"))
    found = replay_session(load_session(stored, None), settings, cards)
    assert [what for what, _, _ in found.changed] == ["conversation.fixed_wait_ms"]
    # All that was said is understood, and no turn waits for an answer that never comes.
    assert all(now for _, now in found.differing)
    assert len(found.after.turns) >= 0.5 * len(found.before.turns)


def test_the_log_has_each_answer_once_and_no_word(stored: Path) -> None:
    told = [entry.event for entry in StoredLog(stored, None).records(Audience.INTERNAL)]
    timed = [event for event in told if isinstance(event, AnswersTimed)]
    jobs = [tuple(job[:2]) for event in timed for job in event.jobs]
    assert len(jobs) == len(set(jobs))
    assert {engine for engine, _ in jobs} >= {"interpreter", "responder", "synthesiser"}
    words = " ".join(turn.text for turn in load_session(stored, None).course.turns).split()
    assert not {str(each) for event in timed for job in (*event.jobs, *event.readings) for each in job} & set(words)
