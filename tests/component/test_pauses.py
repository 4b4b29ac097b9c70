"""`eval pauses` on the live path with scripted engines: what a fixed silence does is known beforehand."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.pauses import HeardUtterance, run_pauses
from bench.pauses_plan import plan_pauses
from pipelines.conversation.settings import ConversationSettings
from pipelines.engine_settings import EngineSettings
from pipelines.patient.card_library import CardLibrary
from server.settings.tree import Settings

DATA = Path(__file__).parents[1] / "data"
SETTINGS = Settings(engines=EngineSettings(backend="mock"))


def heard_with(wait_ms: float, *names: str) -> list[HeardUtterance]:
    return run_pauses(
        [plan_pauses(DATA / name) for name in names],
        settings=SETTINGS,
        conversation=ConversationSettings(fixed_wait_ms=wait_ms),
        cards=CardLibrary.load(SETTINGS.cards_folder),
    )


def test_a_wait_shorter_than_the_pause_cuts_in_once_and_the_rest_is_a_turn_of_its_own() -> None:
    (each,) = heard_with(400.0, "thinking-pause.flac")
    (cut_in,) = each.cut_ins
    pause = each.pause_of(cut_in)
    assert pause is not None
    assert cut_in.at_ms - pause[0] == pytest.approx(400.0, abs=40.0)
    assert each.cut_ins_heard == 1
    assert each.delay_ms == pytest.approx(400.0, abs=40.0)
    assert len(each.judged) == 2


def test_a_wait_longer_than_the_pause_is_the_delay_after_the_end() -> None:
    (each,) = heard_with(900.0, "thinking-pause.flac")
    assert each.cut_ins == []
    assert each.delay_ms == pytest.approx(900.0, abs=40.0)


def test_each_utterance_is_spoken_once_the_patient_has_answered_the_one_before() -> None:
    heard = heard_with(900.0, "consultation-veterinary.flac", "thinking-pause.flac")
    assert [(each.utterance.planned.source, each.utterance.number) for each in heard] == [
        *(("consultation-veterinary.flac", number) for number in range(1, 8)),
        ("thinking-pause.flac", 1),
    ]
    assert [len(each.judged) for each in heard] == [1] * 8
    assert all(each.delay_ms == pytest.approx(900.0, abs=40.0) for each in heard)
