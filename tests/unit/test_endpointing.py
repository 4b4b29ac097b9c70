"""The endpointing: patient where more is to come, quick where nothing is, and never outside its bounds."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipelines.endpointing.completeness import SHIPPED, CompletenessModel, shipped_model
from pipelines.endpointing.evidence import PauseEvidence
from pipelines.endpointing.features import turn_features, word_features, words_of
from pipelines.endpointing.habits import MOST, Habits
from pipelines.endpointing.policy import LATEST, EndpointPolicy
from pipelines.endpointing.settings import EndpointSettings, Style

FLOOR_MS = EndpointSettings().floor_ms
AFTER = "It started about three weeks ago."


def wait_ms(text: str, policy: EndpointPolicy | None = None, **changes: Any) -> float:
    count = len(text.split())
    known: dict[str, Any] = {
        "text": text,
        "stable": True,
        "speech_ms": 330.0 * count,
        "last_piece_ms": 330.0 * count,
        "after_gap_ms": 600.0,
        "after": AFTER,
    }
    return (policy or EndpointPolicy(EndpointSettings())).wait_ms(PauseEvidence(**(known | changes)))


@pytest.mark.parametrize(
    ("question", "asks"),
    [
        ("how long have you had this pain", None),
        ("How are you feeling today?", None),
        ("do you take any tablets for it", 0.9),
        ("could you tell me where exactly it hurts", 0.9),
        ("are you allergic to anything", 0.9),
    ],
)
def test_a_clear_question_is_answered_at_the_floor(question: str, asks: float | None) -> None:
    assert wait_ms(question, asks=asks) == FLOOR_MS


@pytest.mark.parametrize(
    "unfinished",
    [
        "i would like to",
        "so we will clean the wound and",
        "do you have any pain when",
        "i was wondering if there is",
        "the tablets that i want to give you are the",
        "i would also like to know",
        "have you tried um",
    ],
)
def test_an_unfinished_clause_is_waited_for(unfinished: str) -> None:
    assert wait_ms(unfinished) >= 900


def test_a_statement_waits_for_longer_than_a_pause_between_two_sentences() -> None:
    for statement in (
        "i can understand that you are afraid",
        "please take two puffs in the morning and in the evening",
    ):
        assert 450 <= wait_ms(statement) <= 700


def test_without_the_last_words_it_is_waited_up_to_the_ceiling() -> None:
    assert wait_ms("how long have you had this pain", stable=False) == EndpointSettings().ceiling_ms


def test_speech_of_which_nothing_was_understood_has_a_wait_of_its_own() -> None:
    assert wait_ms("") == EndpointSettings().unheard_ms


def test_what_was_understood_to_ask_for_something_is_answered_sooner() -> None:
    said = "first of all please tell me about your leg"
    assert wait_ms(said, asks=1.0) <= wait_ms(said)
    assert wait_ms("are you allergic to anything") > wait_ms("are you allergic to anything", asks=0.9)
    assert wait_ms(said, asks=0.0) == wait_ms(said)


def test_an_exam_is_more_patient_than_practice_and_a_slow_speaker_gets_the_most() -> None:
    waits = [wait_ms("i would like to ask", EndpointPolicy(EndpointSettings(style=style))) for style in get_args(Style)]
    assert waits == sorted(waits)
    assert waits[0] < waits[2]


def test_within_a_minute_a_slow_speaker_gets_more_time_at_unclear_ends_and_none_at_clear_ones() -> None:
    policy = EndpointPolicy(EndpointSettings())
    unclear, clear = "i would like to ask", "how long have you had this pain"
    before = wait_ms(unclear, policy)
    for pause_ms in (1_700, 2_100, 1_900, 1_600, 2_300, 1_800):  # six pauses: less than a minute of such speech
        policy.resumed(pause_ms)
    assert wait_ms(unclear, policy) >= 1.3 * before
    assert wait_ms(clear, policy) == FLOOR_MS


def test_whoever_was_answered_too_early_is_waited_for_longer() -> None:
    policy = EndpointPolicy(EndpointSettings())
    before = wait_ms("i can understand that you are afraid", policy)
    policy.answered_too_early()
    assert wait_ms("i can understand that you are afraid", policy) > before


def test_habits_start_at_what_is_usual_and_are_bounded() -> None:
    habits = Habits()
    assert habits.stretch == 1.0
    for _ in range(100):
        habits.learn(30_000.0)
    assert habits.stretch == MOST
    quick = Habits()
    for _ in range(100):
        quick.learn(450.0)
    assert quick.stretch == 1.0


@hypothesis_settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=80),
    st.booleans(),
    st.floats(0, 200_000),
    st.one_of(st.none(), st.floats(0, 1)),
    st.one_of(st.none(), st.floats(-5_000, 100_000)),
    st.sampled_from(get_args(Style)),
    st.lists(st.floats(0, 60_000), max_size=5),
)
def test_any_evidence_gets_a_wait_within_the_bounds(
    text: str,
    stable: bool,
    speech_ms: float,
    asks: float | None,
    gap_ms: float | None,
    style: Style,
    pauses: list[float],
) -> None:
    policy = EndpointPolicy(EndpointSettings(style=style))
    for pause_ms in pauses:
        policy.resumed(pause_ms)
    wait = policy.wait_ms(
        PauseEvidence(text, stable, speech_ms, speech_ms / 2, after_gap_ms=gap_ms, asks=asks, after=text)
    )
    assert FLOOR_MS <= wait <= 2_000 * 1.75 * LATEST
    assert math.isfinite(wait)


def test_the_shipped_file_is_small_readable_and_says_where_it_comes_from() -> None:
    assert SHIPPED.stat().st_size < 200_000
    content = json.loads(SHIPPED.read_text(encoding="utf-8"))
    assert "CC BY 4.0" in content["source"]["data"]
    assert "PriMock57" in Path("NOTICE").read_text(encoding="utf-8")
    assert content["holds"]["weights"]["dangling"] == shipped_model().holds.weights["dangling"]


def test_a_broken_parameter_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text("{}", encoding="utf-8")
    with pytest.raises(KeyError):
        CompletenessModel.load(tmp_path / "model.json")


def test_punctuation_and_case_change_only_what_they_say() -> None:
    assert words_of("Well, DON'T you?") == ["well", "don't", "you"]
    assert words_of("Take 5mg, 2x a day.") == ["take", "five", "mg", "two", "x", "a", "day"]
    plain = turn_features(PauseEvidence("do you smoke", True, 900, 900))
    marked = turn_features(PauseEvidence("Do you smoke?", True, 900, 900))
    assert marked["asked"] == 1.0
    assert "asked" not in plain
    assert {k: v for k, v in plain.items() if k in marked} == {k: v for k, v in marked.items() if k in plain}


def test_features_of_no_words_are_features() -> None:
    assert word_features([])["words>1"] == 0.0
    assert turn_features(PauseEvidence("...", True, 0, 0))["empty"] == 1.0


def test_a_judgement_takes_less_than_a_frame() -> None:
    import time

    policy = EndpointPolicy(EndpointSettings())
    text = "and then i will put on a soft dressing that keeps the wound a little wet because this helps " * 8
    wait_ms(text, policy)
    took = []
    for _ in range(20):
        began = time.perf_counter()
        wait_ms(text, policy)
        took.append(time.perf_counter() - began)
    assert sorted(took)[10] < 0.005
