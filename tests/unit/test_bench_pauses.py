"""What `eval pauses` counts: utterances and their pauses, cut-ins, delays."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from audio.frames import WIRE_HZ
from bench.pauses import HeardUtterance, Judgement, as_rows, figures_of
from bench.pauses_plan import SILENT_MS, PlannedUtterance, plan_pauses
from bench.replay.plan import PlannedTurn
from common.errors import AudioError

DATA = Path(__file__).parents[1] / "data"


def heard(
    *judged: Judgement, pauses: tuple[tuple[float, float], ...] = ((500.0, 1_100.0),), kind: str = "read"
) -> HeardUtterance:
    planned = PlannedTurn(np.zeros(100, dtype=np.int16), 100.0, 2_000.0, "do you smoke", None, 0.0, "talk.flac")
    return HeardUtterance(PlannedUtterance(planned, pauses, kind, 1), list(judged))


def figures(*of: HeardUtterance, fixed: tuple[HeardUtterance, ...] = ()) -> dict[str, float | None]:
    return {figure.name: figure.value for figure in figures_of(of, fixed)}


def test_a_judgement_before_the_last_voiced_sample_is_a_cut_in() -> None:
    each = heard(Judgement(1_000.0, 500.0, "do you", answered_ms=1_020.0), Judgement(2_600.0, 600.0, "smoke"))
    assert [j.text for j in each.cut_ins] == ["do you"]
    assert each.delay_ms == 600.0
    found = figures(each)
    assert (found["cut_ins/read"], found["cut_ins_heard/read"]) == (1, 1)
    assert (found["cut_in_per_pause/read"], found["cut_in_per_utterance/read"]) == (1.0, 1.0)
    assert (found["cut_in_per_pause_500_700_ms/all"], found["delay_mean_ms/all"]) == (1.0, 600.0)


def test_a_cut_in_is_heard_only_if_the_patients_sound_began_in_the_utterance() -> None:
    assert heard(Judgement(1_000.0, 500.0)).cut_ins_heard == 0
    assert heard(Judgement(1_000.0, 500.0, answered_ms=2_000.0)).cut_ins_heard == 0
    assert heard(Judgement(1_000.0, 500.0, answered_ms=1_999.0)).cut_ins_heard == 1


def test_what_was_taken_for_noise_was_not_answered() -> None:
    each = heard(Judgement(1_000.0, 500.0, noise=True), Judgement(2_100.0, 200.0))
    assert (each.cut_ins, each.delay_ms) == ([], 100.0)
    assert figures(heard(Judgement(1_000.0, 500.0, noise=True)))["unanswered/all"] == 1


def test_two_cut_ins_in_one_utterance_are_two_of_its_pauses_and_one_of_the_utterances() -> None:
    pauses = ((500.0, 750.0), (900.0, 1_500.0))
    found = figures(heard(Judgement(700.0, 200.0), Judgement(1_200.0, 300.0), pauses=pauses), heard(pauses=()))
    assert (found["cut_ins/all"], found["cut_in_per_pause/all"], found["cut_in_per_utterance/all"]) == (2, 1.0, 0.5)


def test_a_cut_in_in_the_middle_of_sound_belongs_to_no_pause() -> None:
    each = heard(Judgement(1_300.0, 200.0))
    assert each.pause_of(each.cut_ins[0]) is None
    found = figures(each)
    assert (found["cut_ins/all"], found["cut_in_per_pause_500_700_ms/all"]) == (1, 0.0)


def test_nothing_heard_has_no_shares() -> None:
    found = figures(heard(pauses=()))
    assert (found["cut_in_per_pause/all"], found["delay_p50_ms/all"]) == (None, None)


def test_the_fixed_wait_is_the_baseline_of_its_own_kind() -> None:
    mine, fixed = heard(Judgement(2_300.0, 300.0)), heard(Judgement(2_900.0, 900.0))
    by_name = {figure.name: figure for figure in figures_of([mine], [fixed])}
    assert by_name["delay_p50_ms/read"].ratio == pytest.approx(1 / 3, abs=1e-4)


def test_rows_count_from_the_last_voiced_sample() -> None:
    (row,) = as_rows([heard(Judgement(1_000.0, 500.0, "do you", answered_ms=1_100.0))])
    assert row["judged"] == [
        {"at_ms": -1_000.0, "wait_ms": 500.0, "text": "do you", "noise": False, "pause_ms": 600, "answered_ms": -900.0}
    ]


def test_utterances_are_those_of_the_truth_file() -> None:
    plan = plan_pauses(DATA / "pauses" / "thinking-rms.flac")
    assert (len(plan.utterances), plan.found, plan.card) == (15, False, None)
    first = plan.utterances[0]
    assert (first.kind, first.made, first.number) == ("thinking", "inserted", 1)
    assert [round(stop - start) for start, stop in first.pauses] == [500]
    assert first.planned.text == "Have you noticed, um any change in your weight?"
    silent = 1000.0 * len(first.planned.samples) / WIRE_HZ - first.planned.voiced_to_ms
    assert silent == pytest.approx(SILENT_MS, abs=1.0)
    for utterance in plan.utterances:
        voiced = (utterance.planned.voiced_from_ms, utterance.planned.voiced_to_ms)
        assert all(voiced[0] < start < stop < voiced[1] for start, stop in utterance.pauses)


def test_without_a_truth_file_they_are_found_and_so_are_their_pauses(tmp_path: Path) -> None:
    shutil.copy(DATA / "thinking-pause.flac", tmp_path / "talk.flac")
    (tmp_path / "talk.txt").write_text("I was wondering.\n", encoding="utf-8")
    known, found = plan_pauses(DATA / "thinking-pause.flac"), plan_pauses(tmp_path / "talk.flac")
    assert (found.found, len(found.utterances), found.utterances[0].kind) == (True, 1, "other")
    assert found.utterances[0].planned.text == "I was wondering."
    (truth,), (measured,) = known.utterances[0].pauses, found.utterances[0].pauses
    assert measured[1] - measured[0] == pytest.approx(truth[1] - truth[0], abs=20.0)
    ends = [u.planned.recorded_from_ms + u.planned.voiced_to_ms for u in (known.utterances[0], found.utterances[0])]
    assert ends[0] == pytest.approx(ends[1], abs=20.0)


def test_a_recording_without_speech_has_no_utterances(tmp_path: Path) -> None:
    shutil.copy(DATA / "noise.flac", tmp_path / "noise.flac")
    assert plan_pauses(tmp_path / "noise.flac").utterances == ()


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    (tmp_path / "talk.flac").write_bytes(b"not a sound")
    with pytest.raises(AudioError):
        plan_pauses(tmp_path / "talk.flac")
