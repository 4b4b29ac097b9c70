"""Real weights read what is said, through the product's own decoder: nothing that was taught to hear these voices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from audio.frames import ANALYSIS_HZ, WIRE_HZ, Pcm
from audio.resample import resample_whole
from pipelines.engines import DecodeRequest, SegmentDecoder, SpeakRequest, Voice
from pipelines.models.devices import choose_device
from pipelines.models.settings import ModelSettings
from pipelines.patient.card_library import CardLibrary
from pipelines.stt.qualify import SENTENCES, bundled
from pipelines.stt.wer import normalise, word_errors
from pipelines.stt.whisper import make_decoder
from pipelines.stt.whisper_model import AudioClip, WhisperReader
from pipelines.stt.whisper_settings import WhisperSettings
from pipelines.stt.window import WindowRule
from pipelines.tts.espeak import EspeakSynthesiser
from server.paths import ROOT
from tests.fakes.noises import nobody
from tests.models.product import pcm
from tests.models.reading import DATA, Sentence, audio, sentences


@pytest.fixture(scope="module")
def decoder(real_whisper: Path) -> Iterator[SegmentDecoder]:
    settings = WhisperSettings(model=str(real_whisper), device="cpu", true_length="always")
    decoder = make_decoder(folder=real_whisper, settings=settings, models=ModelSettings(cpu_threads=2))
    decoder.warm()
    yield decoder
    decoder.close()


@pytest.fixture(scope="module")
def vocabulary() -> tuple[str, ...]:
    return CardLibrary.load(ROOT / "configs" / "cards")["pharmacy-new-inhaler"].vocabulary


def read(decoder: SegmentDecoder, sentence: Sentence, vocabulary: tuple[str, ...] = ()) -> str:
    (found,) = decoder.decode([DecodeRequest(pcm(sentence), vocabulary=vocabulary)]).results
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


def test_windows_that_are_too_short_are_known_by_their_text(real_whisper: Path) -> None:
    """What a qualification tells rules by, before the decoder mends it: the text repeats itself."""
    reader = WhisperReader(real_whisper, choose_device("cpu"), threads=2)
    said = [(text, samples) for text, samples in bundled() if text in SENTENCES[:4]]

    def wrong(rule: WindowRule | None) -> int:
        return sum(
            word_errors(text, reader.generate(reader.encode([AudioClip(samples)], rule=rule))[0].text)[0]
            for text, samples in said
        )

    good, bad = wrong(WhisperSettings().rule), wrong(WindowRule(floor_s=0.0, margin_s=0.5))
    assert good < bad / 2


def test_a_sentence_that_is_said_twice_is_heard_twice(decoder: SegmentDecoder) -> None:
    text = SENTENCES[9]
    samples = next(samples for said, samples in bundled() if said == text)
    (found,) = decoder.decode([DecodeRequest(np.concatenate([samples, samples]))]).results
    assert found.rejected is None
    assert len(found.words) == 2 * len(text.split())


@pytest.mark.parametrize("name", ["breath", "music", "hum", "pink noise"])
def test_what_it_was_told_is_not_heard_in_noise(
    decoder: SegmentDecoder, vocabulary: tuple[str, ...], name: str
) -> None:
    samples = breath(30) if name == "breath" else nobody(30_000)[name]
    for at in range(0, len(samples), 10 * ANALYSIS_HZ):
        (found,) = decoder.decode([DecodeRequest(samples[at : at + 10 * ANALYSIS_HZ], vocabulary=vocabulary)]).results
        assert found.words == ()


@pytest.mark.parametrize("rate_wpm", [110, 150])
def test_a_drug_that_is_said_alone_is_heard(
    decoder: SegmentDecoder, vocabulary: tuple[str, ...], rate_wpm: int
) -> None:
    voice = EspeakSynthesiser()
    request = SpeakRequest("", "Salbutamol.", Voice(sex="male", rate_wpm=rate_wpm))
    wire = np.concatenate([chunk.samples for chunk in voice.speak(request)])
    spoken = np.pad(resample_whole(wire, from_hz=WIRE_HZ, to_hz=ANALYSIS_HZ), 4_000)
    (found,) = decoder.decode([DecodeRequest(spoken, vocabulary=vocabulary)]).results
    assert "salbutamol" in normalise(" ".join(word.text for word in found.words))


def breath(seconds: int) -> Pcm:
    """Return somebody who breathes into the microphone: noise of 300 to 4,000 Hz that comes and goes."""
    rng = np.random.default_rng(3)
    spectrum = np.fft.rfft(rng.normal(size=seconds * ANALYSIS_HZ))
    hertz = np.fft.rfftfreq(seconds * ANALYSIS_HZ, 1 / ANALYSIS_HZ)
    audio = np.fft.irfft(spectrum * ((hertz > 300) & (hertz < 4_000)) / (1 + hertz / 800))
    swell = np.clip(np.sin(2 * np.pi * np.arange(len(audio)) / ANALYSIS_HZ / 4), 0.03, 1) ** 2
    samples: Pcm = (audio / audio.std() * swell * 400).astype(np.int16)
    return samples


def test_nothing_is_read_where_nobody_speaks(decoder: SegmentDecoder) -> None:
    silence = Sentence(name="silence", samples=audio(DATA / "silence.flac"), text="")
    assert read(decoder, silence) == ""
    assert read(decoder, Sentence(name="zeros", samples=np.zeros(ANALYSIS_HZ, np.float32), text="")) == ""
