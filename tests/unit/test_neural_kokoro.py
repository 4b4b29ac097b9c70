"""Kokoro with its real weights: four women who speak English, word by word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio.frames import WIRE_HZ
from audio.loudness import first_audible_ms
from audio.programme_loudness import programme_loudness
from common.errors import EngineError
from pipelines.engines import SpeakRequest, Voice
from pipelines.tts.neural.kokoro import KokoroSynthesiser

TEXT = "It was in the garage, about three weeks ago."


@pytest.fixture(scope="module")
def woman(real_kokoro: Path) -> KokoroSynthesiser:
    made = KokoroSynthesiser(real_kokoro, speaker="jf_gongitsune", threads=2)
    made.warm()
    return made


def test_words_are_in_order_and_the_level_is_the_house_s(woman: KokoroSynthesiser) -> None:
    chunks = list(woman.speak(SpeakRequest("test", TEXT, Voice())))
    words = [word for chunk in chunks for word in chunk.words]
    samples = np.concatenate([chunk.samples for chunk in chunks])
    assert [word.text for word in words] == TEXT.split()
    edges = [edge for word in words for edge in (word.start_ms, word.end_ms)]
    assert edges == sorted(edges)
    assert edges[0] < 100
    assert edges[-1] <= 1000 * len(samples) / WIRE_HZ
    loudness = programme_loudness(samples, WIRE_HZ)
    assert -22.5 < loudness.lufs < -17.5
    assert len(chunks[0].samples) < 0.7 * WIRE_HZ
    assert loudness.peak_dbtp < -1.0


@pytest.mark.parametrize("text", ["All right, I'll try.", "Really? I'd rather check that with somebody first.", "Bye."])
def test_a_clause_is_over_soon_after_its_last_sound(woman: KokoroSynthesiser, text: str) -> None:
    samples = np.concatenate([chunk.samples for chunk in woman.speak(SpeakRequest("test", text, Voice()))])
    before_ms, behind_ms = first_audible_ms(samples, WIRE_HZ), first_audible_ms(samples[::-1].copy(), WIRE_HZ)
    assert before_ms is not None
    assert before_ms < 150
    assert behind_ms is not None
    assert behind_ms < 250


def test_what_nobody_can_say_is_no_error(woman: KokoroSynthesiser) -> None:
    chunks = list(woman.speak(SpeakRequest("test", "💊 …", Voice())))
    assert sum(len(chunk.samples) for chunk in chunks) < WIRE_HZ


def test_a_speaker_that_is_not_there_is_named(real_kokoro: Path) -> None:
    with pytest.raises(EngineError, match="no speaker 'af_heart' here; it has jf_alpha") as caught:
        KokoroSynthesiser(real_kokoro, speaker="af_heart").warm()
    assert caught.value.code == "model.speaker"


def test_a_damaged_file_is_told(tmp_path: Path, real_kokoro: Path) -> None:
    for file in real_kokoro.iterdir():
        if file.suffix in (".json", ".npz"):
            (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.onnx").write_bytes(b"not ONNX at all")
    with pytest.raises(EngineError) as caught:
        KokoroSynthesiser(tmp_path, speaker="jf_alpha").warm()
    assert caught.value.code == "model.format"
