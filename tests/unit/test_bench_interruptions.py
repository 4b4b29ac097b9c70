"""What the bench of interruptions counts: words lost and said twice, history against audio, and its sounds' kinds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import soundfile

from audio.frames import WIRE_HZ
from bench.interruptions import (
    InterruptionOutcome,
    InterruptionResult,
    asking_card,
    figures_of,
    load_interruptions,
)
from bench.replay.loudspeaker import HeardStretch
from bench.replay.planned_interruptions import Interrupted, Interrupter, Interruption, Kind
from common.errors import AudioError
from pipelines.engines import Word
from pipelines.patient.card_library import CardLibrary
from server.paths import ROOT

WORDS = tuple(Word(text, start, start + 200, 1.0) for text, start in (("one", 0), ("two", 300), ("three", 600)))
SIZE = WIRE_HZ * 20 // 1000


def interruption(kind: Kind = "backchannel", ms: int = 200) -> Interruption:
    samples = np.full(WIRE_HZ * ms // 1000, 1000, dtype=np.int16)
    return Interruption(f"{kind}-x", kind, samples, 10.0, ms - 10.0, after_ms=500.0)


def outcome(*spans: tuple[float, float, float], kind: Kind = "backchannel", **made: object) -> InterruptionOutcome:
    """An outcome of which (at_ms, from_ms, to_ms) of the reply were heard."""
    heard = tuple(
        HeardStretch(at, 1, round(start * 24), np.zeros(round((end - start) * 24), dtype=np.int16))
        for at, start, end in spans
    )
    result = Interrupted(interruption(kind), 1, 1000.0, 1200.0)
    for name, value in made.items():
        setattr(result, name, value)
    return InterruptionOutcome(result, WORDS, heard)


def test_a_reply_that_goes_on_from_a_word_is_neither_lost_nor_twice() -> None:
    went_on = outcome((0, 0, 350), (500, 300, 800))
    assert (went_on.lost(), went_on.twice()) == ([], [])
    in_the_word = outcome((0, 0, 450), (600, 450, 800))
    assert (in_the_word.lost(), in_the_word.twice()) == ([], [])


def test_what_was_skipped_is_lost_and_what_was_repeated_is_twice() -> None:
    assert outcome((0, 0, 350), (500, 450, 800)).lost() == ["two"]
    assert outcome((0, 0, 550), (700, 300, 800)).twice() == ["two"]
    assert outcome((0, 0, 350), status="interrupted").lost() == []  # the patient yielded: it was not to be said


def test_history_is_compared_with_the_words_that_were_heard() -> None:
    cut = outcome((0, 0, 450), kind="floor", status="interrupted", played_ms=450.0, kept="one")
    assert cut.kept_off_by() == -1
    cut.made.kept = "one two"
    assert cut.kept_off_by() == 0
    assert outcome((0, 0, 800), status="completed").kept_off_by() is None


def test_the_figures_by_name() -> None:
    result = InterruptionResult(false_holds=1)
    result.outcomes = [
        outcome((0, 0, 350), (500, 300, 800), held_at_ms=1080.0, resumed_at_ms=1500.0, status="completed"),
        outcome((0, 0, 800), kind="noise", status="completed"),
        outcome(
            (0, 0, 450), kind="floor", held_at_ms=1100.0, cleared_at_ms=1600.0, status="interrupted", played_ms=450.0
        ),
    ]
    values = {figure.name: figure.value for figure in figures_of(result)}
    assert values["hold_after_onset_p50"] == pytest.approx(80)
    assert values["hold_after_onset_p95"] == pytest.approx(100)
    assert values["yield_after_onset_p95"] == pytest.approx(600)
    assert values["resume_after_end_p95"] == pytest.approx(300)
    assert (values["yields_among_floor"], values["yields_among_backchannel"], values["yields_among_noise"]) == (1, 0, 0)
    assert (values["wrong_among_floor"], values["wrong_among_backchannel"], values["wrong_among_noise"]) == (0, 0, 0)
    assert values["holds_among_noise"] == 0
    assert values["false_holds"] == 1
    assert values["kept_history_off_by_max"] == 2
    assert (values["words_lost"], values["words_said_twice"], values["not_made"]) == (0, 0, 0)


def test_sounds_are_named_by_kind_and_taken_in_turns(tmp_path: Path) -> None:
    tone = np.concatenate((np.zeros(1600), 0.3 * np.sin(np.arange(4800) / 5), np.zeros(1600)))
    for name in ("backchannel-a", "backchannel-b", "noise-a", "floor-a", "answer-a", "hold-a", "correction-a"):
        soundfile.write(tmp_path / f"{name}.flac", tone, 16_000)
    sounds = load_interruptions([tmp_path])
    names = ["backchannel-a", "noise-a", "floor-a", "correction-a", "hold-a", "backchannel-b", "answer-a"]
    assert [sound.name for sound in sounds] == names
    assert sounds[0].onset_ms == pytest.approx(100, abs=10)
    assert sounds[0].end_ms == pytest.approx(400, abs=10)
    soundfile.write(tmp_path / "laughter-a.flac", tone, 16_000)
    with pytest.raises(AudioError, match="backchannel-"):
        load_interruptions([tmp_path / "laughter-a.flac"])
    soundfile.write(tmp_path / "noise-b.flac", np.zeros(1600), 16_000)
    with pytest.raises(AudioError, match="silent"):
        load_interruptions([tmp_path / "noise-b.flac"])
    with pytest.raises(AudioError, match="no sounds"):
        load_interruptions([])


def test_a_sound_is_made_once_a_reply_at_its_offset_while_the_patient_speaks() -> None:
    interrupter = Interrupter([interruption(), interruption("floor")])
    interrupter.audible(1, 1000.0, began_ms=990.0)
    assert interrupter.frame(SIZE, 1480.0, True) is None
    frames = [interrupter.frame(SIZE, 1500.0 + 20 * k, True) for k in range(11)]
    assert sum(frame is not None for frame in frames) == 10
    interrupter.audible(1, 1800.0, began_ms=990.0)
    assert interrupter.frame(SIZE, 9000.0, True) is None
    (made,) = interrupter.done
    assert (made.reply, made.onset_ms, made.end_ms) == (1, 1510.0, 1690.0)


def test_a_sound_waits_for_a_reply_that_is_long_enough() -> None:
    interrupter = Interrupter([interruption()])
    interrupter.audible(1, 1000.0, began_ms=990.0)
    assert interrupter.frame(SIZE, 1500.0, False) is None
    assert interrupter.left == 1
    interrupter.audible(2, 5000.0, began_ms=4990.0)
    assert interrupter.frame(SIZE, 5500.0, True) is not None
    assert interrupter.left == 0


def test_the_answer_to_a_turn_that_took_the_floor_is_awaited_and_heard_out() -> None:
    interrupter = Interrupter([interruption("floor"), interruption()])
    interrupter.audible(1, 0.0, began_ms=0.0)
    for k in range(11):
        interrupter.frame(SIZE, 500.0 + 20 * k, True)
    interrupter.held(1, 560.0)
    interrupter.cleared(1, 450.0, 900.0)
    interrupter.over(1, "one", "interrupted", 900.0)
    assert interrupter.engaged(3000.0)
    interrupter.began(2, 2900.0)
    assert not interrupter.engaged(3000.0)
    interrupter.audible(2, 3000.0, began_ms=3000.0)
    assert interrupter.frame(SIZE, 3600.0, True) is None
    interrupter.audible(3, 6000.0, began_ms=6000.0)
    assert interrupter.frame(SIZE, 6500.0, True) is not None
    first = interrupter.done[0]
    assert (first.held_at_ms, first.cleared_at_ms, first.played_ms, first.kept) == (560.0, 900.0, 450.0, "one")


def test_an_answer_that_came_too_early_is_awaited_again() -> None:
    interrupter = Interrupter([interruption("floor")])
    interrupter.audible(1, 0.0, began_ms=0.0)
    for k in range(11):
        interrupter.frame(SIZE, 500.0 + 20 * k, True)
    interrupter.over(1, "one", "interrupted", 900.0)
    interrupter.began(2, 950.0)
    assert not interrupter.engaged(1000.0)
    interrupter.over(2, "", "interrupted", 1500.0)
    assert interrupter.engaged(2000.0)
    interrupter.began(3, 2000.0)
    assert not interrupter.engaged(2000.0)


def test_an_answer_is_made_around_the_last_word_of_a_question() -> None:
    places: dict[int, float] = {}
    interrupter = Interrupter([replace(interruption("answer"), after_ms=-100.0)], places.get)
    interrupter.audible(1, 1000.0, began_ms=980.0)
    assert interrupter.frame(SIZE, 2000.0, True) is None  # nothing is known to be asked
    places[1] = 2_500.0
    assert interrupter.frame(SIZE, 3360.0, True) is None
    assert interrupter.frame(SIZE, 3380.0, True) is not None


def test_what_each_kind_is_to_do() -> None:
    yields = {"status": "interrupted", "answered_at_ms": 2_000.0}
    right = {"floor": True, "correction": True, "answer": True, "hold": False, "backchannel": False, "noise": False}
    assert {kind: outcome(kind=kind, **yields).right for kind in get_args(Kind)} == right
    assert outcome(kind="hold", status="interrupted").right
    assert not outcome(kind="answer", status="interrupted").right
    assert outcome(kind="answer", status="completed", answered_at_ms=2_000.0).right


def test_the_patient_of_the_bench_asks_after_all_that_it_tells() -> None:
    card = CardLibrary.load(ROOT / "configs" / "cards")["nursing-leg-wound"]
    for goes_on in (False, True):
        says = [text for cue in asking_card(card, goes_on=goes_on).cues for text in cue.says]
        assert all(("?" in text) and (text.endswith("?") is not goes_on) for text in says)
