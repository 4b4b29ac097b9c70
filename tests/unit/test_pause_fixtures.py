"""The speech with pauses inside says what its plan and truth files claim."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import soundfile

from common.errors import AudioError
from pipelines.truth import load_truth
from pipelines.tts.flite import Phone
from tests.data import make_pauses
from tests.data.make_fixtures import FixturePlan, read_plans
from tests.data.make_pauses import HERE, PLAN, STEP
from tests.data.sound import VOICED_RANGE_DB, Sound, window_levels

PLANS = {plan.name: plan for plan in read_plans(PLAN)}
THINKING = [plan for name, plan in PLANS.items() if name.startswith("thinking")]


def test_every_sound_is_planned_and_all_are_small() -> None:
    assert {path.name for path in HERE.glob("*.flac")} == set(PLANS)
    assert {path.name.removesuffix(".truth.yaml") for path in HERE.glob("*.truth.yaml")} == {n[:-5] for n in PLANS}
    assert sum(path.stat().st_size for path in HERE.glob("*.flac")) < 1_500_000


def test_thinking_pauses_are_as_many_inserted_as_joined_and_of_all_lengths() -> None:
    turns = [turn for plan in THINKING for turn in plan.turns]
    made = [turn.pause for turn in turns]
    assert len(turns) >= 40
    assert abs(made.count("inserted") - made.count("joined")) <= 1
    assert all(len(turn.pauses_ms) == 1 for turn in turns)
    assert {turn.pauses_ms[0] for turn in turns} == set(range(300, 1_000, 100))


@pytest.mark.parametrize("name", PLANS)
def test_truth_is_the_plans_and_the_pauses_are_silent(name: str) -> None:
    truth = load_truth(HERE / name)
    samples, rate_hz = soundfile.read(HERE / name, dtype="float64")
    assert truth is not None
    assert rate_hz == truth.rate_hz
    levels = window_levels(np.asarray(samples, dtype=np.float64), rate_hz)
    assert [turn.text for turn in truth.turns] == [" ".join(turn.pieces) for turn in PLANS[name].turns]
    for turn, planned in zip(truth.turns, PLANS[name].turns, strict=True):
        between = [
            after.from_ms - before.to_ms for before, after in zip(turn.segments[:-1], turn.segments[1:], strict=True)
        ]
        assert tuple(between) == planned.pauses_ms
        assert turn.pause == planned.pause
        loudest = levels[turn.from_ms // 10 : turn.to_ms // 10].max()
        for pause in turn.pauses:
            assert levels[pause.from_ms // 10 : pause.to_ms // 10].max() < loudest - VOICED_RANGE_DB + 0.5


def test_a_sentence_is_cut_where_its_word_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = FixturePlan.model_validate(
        {
            "name": "x.flac",
            "note": "x",
            "turns": [
                {"voice": "rms", "stretch": 1.0, "gap_ms": 0, "pause": "inserted", "say": ["please", 300, "sit"]}
            ],
        }
    )
    whole: Sound = np.concatenate([tone(300.0, 500), np.zeros(16 * 40), tone(600.0, 400)])
    phones = tuple(
        Phone(name, start)
        for name, start in (("p", 0.0), ("l", 0.1), ("iy", 0.2), ("z", 0.4), ("s", 0.53), ("ih", 0.6), ("t", 0.8))
    )
    monkeypatch.setattr(make_pauses, "_with_phones", lambda *_asked: (whole, phones))
    samples, _ = make_pauses.make_pauses(plan)
    voiced = np.flatnonzero(np.abs(samples) > 200)
    (gap,) = [b - a for a, b in pairwise(voiced.tolist()) if b - a > 1_600]
    assert gap / 16 == pytest.approx(300.0, abs=20.0)
    assert (voiced[-1] - voiced[0]) / 16 == pytest.approx(500 + 400 + 300, abs=40.0)
    assert not np.any(samples % STEP)


def tone(hz: float, ms: int) -> Sound:
    audio: Sound = 0.1 * np.sin(2.0 * np.pi * hz * np.arange(16 * ms) / 16_000)
    return audio


def test_a_sentence_whose_words_cannot_be_placed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make_pauses, "_with_phones", lambda *_asked: (tone(300.0, 500), ()))
    with pytest.raises(AudioError, match="another sentence"):
        make_pauses.make_pauses(next(plan for plan in THINKING if plan.turns[0].pause == "inserted"))
