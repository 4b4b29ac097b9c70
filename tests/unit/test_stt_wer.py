from __future__ import annotations

import numpy as np
import pytest

from audio.frames import ANALYSIS_HZ
from pipelines.scripted.recogniser import ScriptedRecogniser
from pipelines.stt.wer import bench_recogniser, normalise, word_error_rate


@pytest.mark.parametrize(
    ("said", "heard", "rate"),
    [
        ("take two tablets", "take two tablets", 0.0),
        ("Take two tablets, Mister Jones!", "take two tablets mr jones", 0.0),
        ("take two tablets", "take too tablets", 1 / 3),
        ("take two tablets", "take tablets", 1 / 3),
        ("take two tablets", "take two small tablets", 1 / 3),
        ("yes", "oh yes it is", 3.0),
        ("yes", "", 1.0),
        ("", "", 0.0),
        ("", "one two", 2.0),
    ],
)
def test_word_error_rate(said: str, heard: str, rate: float) -> None:
    assert word_error_rate(said, heard) == pytest.approx(rate)


def test_apostrophes_stay_inside_words() -> None:
    assert normalise("I don’t 'know'—really") == ["i", "don't", "know", "really"]


def test_a_bench_counts_errors_over_all_clips() -> None:
    audio = np.full(ANALYSIS_HZ * 2, 3000, dtype=np.int16)
    engine = ScriptedRecogniser(["one two three", "one two"])
    result = bench_recogniser(engine, [(audio, "one two three"), (audio, "one two too four")])
    assert (result.clips, result.words, result.errors) == (2, 7, 2)
    assert result.wer == pytest.approx(2 / 7)
    assert result.audio_s == pytest.approx(4.0)
    assert result.partials > 0
    assert result.stable_revised == 0
    assert result.finish_p95_ms >= result.finish_p50_ms > 0
