"""A session asks the turn detector how a turn sounds: with what audio, when, and what becomes of slow or dead ones."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from audio.frames import ANALYSIS_HZ
from common.errors import EngineError
from pipelines.conversation.endpointing import ANSWER_WITHIN_MS, LISTEN_AT_MS
from pipelines.endpointing.smart_turn import SmartTurn
from pipelines.engines import EndOfTurn, EndOfTurnRequest
from pipelines.events import PauseJudged, TurnCommitted
from pipelines.scripted.turn_detector import ScriptedTurnDetector
from tests.component.conftest import Replay, Replayed

TURNS = 3
NAME = "consultation-veterinary.flac"


def detector(heard: list[EndOfTurnRequest], *, says: float = 0.9, cost_ms: float = 40.0) -> ScriptedTurnDetector:
    def judge(request: EndOfTurnRequest) -> float:
        heard.append(request)
        return says

    return ScriptedTurnDetector(judge, cost_ms=cost_ms)


def waits(replayed: Replayed) -> list[float]:
    return [result.timeline.wait_ms for result in replayed.candidate.results if result.timeline is not None]


def test_it_hears_the_turn_and_a_moment_before_it(replay: Replay) -> None:
    heard: list[EndOfTurnRequest] = []
    replayed = replay(NAME, turns=TURNS, fixed_wait_ms=None, turn_detector=partial(detector, heard))
    assert len(replayed.events(TurnCommitted)) >= TURNS
    assert len(heard) >= TURNS
    for request in heard:
        assert request.samples.dtype == np.int16
        length_ms = 1000.0 * len(request.samples) / ANALYSIS_HZ
        assert 500.0 < length_ms <= 8_000.0
        # It ends in the silence that is asked about, and has the voice before it.
        loudness = np.abs(request.samples.astype(np.float64))
        quiet = round(0.1 * ANALYSIS_HZ)
        assert loudness[-quiet:].mean() < 0.2 * loudness.max()
        assert loudness.max() > 1_000


def test_what_it_says_moves_the_wait_and_is_in_the_record(replay: Replay) -> None:
    sure = replay(NAME, turns=TURNS, fixed_wait_ms=None, turn_detector=partial(detector, [], says=0.99))
    unsure = replay(NAME, turns=TURNS, fixed_wait_ms=None, turn_detector=partial(detector, [], says=0.01))
    assert sum(waits(sure)) < sum(waits(unsure))
    told = [judged for judged in sure.events(PauseJudged) if "sound" in judged.worth]
    assert {judged.turn for judged in told} >= set(range(1, TURNS + 1))
    assert all(judged.silent_ms >= LISTEN_AT_MS[0] for judged in told)


def test_one_that_is_too_slow_is_done_without(replay: Replay) -> None:
    without = replay(NAME, turns=TURNS, fixed_wait_ms=None)
    slow = replay(NAME, turns=TURNS, fixed_wait_ms=None, turn_detector=partial(detector, [], cost_ms=3_000.0))
    assert len(slow.events(TurnCommitted)) == TURNS
    for with_it, alone in zip(waits(slow), waits(without), strict=True):
        assert with_it == alone
    assert not any("sound" in judged.worth for judged in slow.events(PauseJudged) if judged.silent_ms < 600)
    delays = [result.voice_to_voice_ms for result in slow.candidate.results]
    alone_ms = [result.voice_to_voice_ms for result in without.candidate.results]
    for delay, before in zip(delays, alone_ms, strict=True):
        assert delay is not None
        assert before is not None
        assert delay <= max(before, LISTEN_AT_MS[0] + ANSWER_WITHIN_MS + 100.0) + 20.0


def test_a_machine_that_is_too_busy_for_it_is_left_alone_for_a_while(replay: Replay) -> None:
    quick: list[EndOfTurnRequest] = []
    replay(NAME, turns=TURNS, fixed_wait_ms=None, turn_detector=partial(detector, quick, cost_ms=40.0))
    slow: list[EndOfTurnRequest] = []
    replayed = replay(
        NAME, turns=TURNS, fixed_wait_ms=None, turn_detector=partial(detector, slow, cost_ms=ANSWER_WITHIN_MS + 50.0)
    )
    assert len(replayed.events(TurnCommitted)) == TURNS
    assert 0 < len(slow) < len(quick)
    # Where nobody was asked, nobody waits for an answer.
    without = replay(NAME, turns=TURNS, fixed_wait_ms=None)
    late = [
        (result.voice_to_voice_ms or 0.0) - (alone.voice_to_voice_ms or 0.0)
        for result, alone in zip(replayed.candidate.results, without.candidate.results, strict=True)
    ]
    assert sum(delay > 20.0 for delay in late) <= len(slow)


def test_one_that_fails_is_done_without(replay: Replay) -> None:
    def fail(_request: EndOfTurnRequest) -> float:
        raise EngineError("it fell over")

    replayed = replay(
        NAME, turns=TURNS, fixed_wait_ms=None, turn_detector=lambda: ScriptedTurnDetector(fail, cost_ms=20.0)
    )
    assert len(replayed.events(TurnCommitted)) == TURNS
    assert not any("sound" in judged.worth for judged in replayed.events(PauseJudged))


class Timed(SmartTurn):
    """The real one, at the cost that it has on a quiet machine."""

    def detect(self, request: EndOfTurnRequest) -> EndOfTurn:
        return replace(super().detect(request), cost_ms=45.0)


def test_the_real_one_answers_in_a_session(replay: Replay, real_smart_turn: Path) -> None:
    replayed = replay(NAME, turns=TURNS, fixed_wait_ms=None, turn_detector=lambda: Timed(real_smart_turn))
    assert len(replayed.events(TurnCommitted)) == TURNS
    told = [judged.evidence["sound"] for judged in replayed.events(PauseJudged) if "sound" in judged.evidence]
    assert len(told) >= TURNS
    assert len(set(told)) > 1, "it says the same of everything"


@pytest.mark.parametrize("fixed_wait_ms", [900.0])
def test_nobody_is_asked_where_silence_alone_decides(replay: Replay, fixed_wait_ms: float) -> None:
    heard: list[EndOfTurnRequest] = []
    replay(NAME, turns=1, fixed_wait_ms=fixed_wait_ms, turn_detector=partial(detector, heard))
    assert heard == []
