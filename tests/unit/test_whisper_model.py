"""What surrounds the model: windows, what can be said in a clip, and aligned words put in order."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.frames import ANALYSIS_HZ
from common.errors import EngineError
from pipelines.models.cache import ModelCache
from pipelines.models.devices import Device
from pipelines.stt.telling import Telling
from pipelines.stt.whisper_model import AudioClip, WhisperReader, in_order
from pipelines.stt.window import STEP_S, WINDOW_S, WindowRule
from tests.random_whisper import make_random_whisper

PROOF = Path(__file__).parents[1] / "models" / "proof-whisper"


def aligned(text: str, start: float, end: float, probability: float = 0.9) -> dict[str, Any]:
    return {"word": text, "tokens": [1], "start": start, "end": end, "probability": probability}


# ------------------------------------------------------------------ loading


def test_a_model_that_makes_room_is_unloaded() -> None:
    cache = ModelCache(max_models=1, max_bytes=2**50)
    reader = WhisperReader(PROOF, Device("cpu", 0, "int8", ""), threads=1)
    lease = cache.lease("first", lambda: reader, estimate_bytes=0)
    assert lease.model.model_is_loaded
    lease.release()
    cache.lease("second", lambda: object(), estimate_bytes=0).release()
    assert not reader.model_is_loaded


def test_a_folder_that_holds_no_model_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"nothing of the kind")
    with pytest.raises(EngineError, match=str(tmp_path)) as caught:
        WhisperReader(tmp_path, Device("cpu", 0, "int8", ""), threads=1)
    assert caught.value.code == "model.format"


def test_a_tokenizer_without_whispers_tokens_is_refused(tmp_path: Path) -> None:
    folder = make_random_whisper(tmp_path / "random")
    with pytest.raises(EngineError, match=r"tokenizer\.json in .*random is not that of a Whisper") as caught:
        WhisperReader(folder, Device("cpu", 0, "int8", ""), threads=1)
    assert caught.value.code == "model.format"


# ------------------------------------------------------------------ windows


@pytest.mark.parametrize(
    ("audio_s", "rule", "window_s"),
    [
        (0.0, WindowRule(10.0, 5.0), 10.0),
        (5.0, WindowRule(10.0, 5.0), 10.0),
        (5.01, WindowRule(10.0, 5.0), 12.5),
        (15.0, WindowRule(10.0, 5.0), 20.0),
        (26.0, WindowRule(10.0, 5.0), 30.0),
        (60.0, WindowRule(10.0, 5.0), 30.0),
        (1.5, WindowRule(0.0, 2.5), 5.0),
        (8.0, WindowRule(0.0, 0.0), 10.0),
        (1.0, WindowRule(30.0, 0.0), 30.0),
        (1.0, WindowRule(0.0, 30.0), 30.0),
    ],
)
def test_a_window_holds_sound_and_margin_above_a_floor(audio_s: float, rule: WindowRule, window_s: float) -> None:
    assert rule.window_s(round(audio_s * ANALYSIS_HZ)) == window_s


@given(st.integers(0, 31 * ANALYSIS_HZ), st.floats(0, 30), st.floats(0, 30))
def test_windows_are_of_few_lengths_and_hold_the_sound(samples: int, floor_s: float, margin_s: float) -> None:
    window_s = WindowRule(floor_s, margin_s).window_s(samples)
    assert window_s % STEP_S == 0
    assert window_s >= min(max(samples / ANALYSIS_HZ + margin_s, floor_s), WINDOW_S)
    assert window_s <= WINDOW_S


def test_what_can_be_said_depends_on_what_is_voiced() -> None:
    audio = np.zeros(8 * ANALYSIS_HZ, dtype=np.int16)
    assert AudioClip(audio).most_tokens == 76
    assert AudioClip(audio, voiced_s=0.5).most_tokens == 16


def test_names_are_told_in_a_sentence() -> None:
    assert Telling().about(("Grant", "salbutamol")) == "A conversation about Grant, salbutamol."
    assert Telling().about(()) == "Well, um..."


# ------------------------------------------------------------------ words


def test_words_keep_their_times_and_marks_join_the_word_before() -> None:
    words = in_order(
        [
            aligned(" Well", 0.1, 0.4),
            aligned(",", 0.4, 0.42, 0.5),
            aligned(" you", 0.6, 0.7),
            aligned(" see", 0.7, 1.0),
            aligned("...", 1.0, 1.1, 0.3),
        ],
        2_000,
    )
    assert [(word.text, word.start_ms, word.end_ms) for word in words] == [
        ("Well,", 100, 420),
        ("you", 600, 700),
        ("see...", 700, 1_100),
    ]
    assert [word.confidence for word in words] == pytest.approx([0.7, 0.9, 0.6])


def test_the_first_word_needs_no_space_and_blanks_are_no_words() -> None:
    words = in_order([aligned("Yes", 0.1, 0.4), aligned(" ", 0.4, 0.5), aligned(" I", 0.5, 0.6)], 1_000)
    assert [word.text for word in words] == ["Yes", "I"]


def test_a_word_does_not_last_into_the_next() -> None:
    words = in_order([aligned(" a", 0.0, 5.0), aligned(" b", 1.0, 2.0)], 6_000)
    assert [(word.start_ms, word.end_ms) for word in words] == [(0, 1_000), (1_000, 2_000)]


def test_words_beyond_the_end_and_without_length_find_a_place() -> None:
    words = in_order([aligned(" a", 0.98, 0.98), aligned(" b", 1.2, 1.2), aligned(" c", 3.0, 2.0)], 1_000)
    assert [(word.start_ms, word.end_ms) for word in words] == [(980, 981), (998, 999), (999, 1_000)]


def test_no_words_are_none() -> None:
    assert in_order([], 1_000) == ()


WORDS = st.lists(
    st.builds(
        aligned,
        st.sampled_from([" a", " bc", ",", ".", " ", "", "'s", " d"]),
        st.floats(-1, 40),
        st.floats(-1, 40),
        st.floats(0, 1),
    ),
    max_size=30,
)


@given(WORDS, st.floats(0, 30_000))
def test_whatever_the_alignment_says_words_are_in_order_and_inside_the_sound(
    words: list[dict[str, Any]], length_ms: float
) -> None:
    found = in_order(words, length_ms)
    assert "".join(word.text for word in found) == "".join(str(word["word"]).strip() for word in words)
    for word in found:
        assert 0 <= word.start_ms < word.end_ms <= max(length_ms + 1, len(found))
        assert word.confidence is not None
        assert 0 <= word.confidence <= 1
    for before, after in itertools.pairwise(found):
        assert before.end_ms <= after.start_ms
