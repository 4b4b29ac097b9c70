"""Real weights read what is said, through the product's own decoder: nothing that was taught to hear these voices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from audio.frames import ANALYSIS_HZ
from pipelines.engines import DecodeRequest, SegmentDecoder
from pipelines.stt.wer import word_errors
from tests.models.product import load_decoder, pcm
from tests.models.reading import DATA, Sentence, sentences, sound


@pytest.fixture(scope="module")
def decoder(real_whisper: Path) -> Iterator[SegmentDecoder]:
    decoder = load_decoder(real_whisper, true_length=False, threads=2)
    decoder.warm()
    yield decoder
    decoder.close()


def read(decoder: SegmentDecoder, sentence: Sentence) -> str:
    (found,) = decoder.decode([DecodeRequest(pcm(sentence))]).results
    return " ".join(word.text for word in found.words)


def test_a_consultation_is_read_nearly_as_it_was_said(decoder: SegmentDecoder) -> None:
    turns = [one for one in sentences() if one.name in {f"consultation-{number}" for number in range(3)}]
    assert len(turns) == 3
    pairs = [word_errors(one.text, read(decoder, one)) for one in turns]
    assert sum(errors for errors, _ in pairs) / sum(words for _, words in pairs) < 0.15


def test_words_stand_where_they_were_said(decoder: SegmentDecoder) -> None:
    one = next(one for one in sentences() if one.name == "consultation-0-1")
    (found,) = decoder.decode([DecodeRequest(pcm(one))]).results
    starts = [word.start_ms for word in found.words]
    assert starts == sorted(starts)
    assert 0 <= starts[0] < 1000
    assert found.words[-1].end_ms <= 1000 * len(one.samples) / ANALYSIS_HZ + 50


def test_nothing_is_read_where_nobody_speaks(decoder: SegmentDecoder) -> None:
    silence = Sentence(name="silence", samples=sound(DATA / "silence.flac"), text="")
    assert read(decoder, silence) == ""
    assert read(decoder, Sentence(name="zeros", samples=np.zeros(ANALYSIS_HZ, np.float32), text="")) == ""
