"""The trained proof model reads what is said in the fixtures: with faster-whisper itself, and as the product reads."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from audio.frames import ANALYSIS_HZ
from pipelines.engines import Synthesiser
from pipelines.stt.wer import normalise
from pipelines.stt.whisper import WhisperDecoder
from pipelines.tts.espeak import EspeakSynthesiser
from pipelines.tts.flite import FliteSynthesiser, available
from tests.models.product import Way, load_decoder, misread
from tests.models.proof_settings import MODEL
from tests.models.reading import (
    DATA,
    WINDOW_S,
    Sentence,
    audio,
    load,
    qualifying,
    read_padded,
    read_true_length,
    same,
    sentences,
)
from tests.nightly import one_in


@pytest.fixture(scope="module")
def model() -> Any:
    return load()


@pytest.fixture(scope="module")
def everything() -> list[Sentence]:
    return sentences()


@pytest.fixture(scope="module")
def decoder() -> Iterator[WhisperDecoder]:
    decoder = load_decoder(true_length=True)
    decoder.warm()
    yield decoder
    decoder.close()


def of_consultations(everything: list[Sentence]) -> list[Sentence]:
    """Return the turns that are replayed most; reading everything at 30 s is for the nightly check."""
    return [one for one in everything if one.name.startswith("consultation")]


def test_it_is_small_enough_to_be_kept() -> None:
    assert sum(path.stat().st_size for path in MODEL.iterdir()) < 2_500_000


def test_every_sentence_is_read_word_for_word_at_its_own_length(model: Any, everything: list[Sentence]) -> None:
    assert len(everything) > 200
    read = {one.name: (one.text, read_true_length(model, one.samples)) for one in one_in(3, everything, first=2)}
    assert {name: pair for name, pair in read.items() if not same(*pair)} == {}


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
def test_the_product_reads_sentences_word_for_word(decoder: WhisperDecoder, streamed: bool) -> None:
    """As a session does: at its own length, after the product's prompt and the card's names and drugs.

    A part of them; `scripts/nightly-models` reads all, padded and without names too (see `tests/models/product.py`).
    """
    # A stream may be longer than is read at once, and one is.
    longest_s = math.inf if streamed else WINDOW_S
    known = one_in(9, sentences(longest_s=longest_s), first=3)
    way = Way(streamed=streamed, true_length=True, vocabulary=True)
    wrong = {one.sentence.name: (one.sentence.text, one.text) for one in misread(decoder, way, known)}
    assert len([one for one in known if one.card]) > 8
    assert wrong == {}


def test_consultations_are_read_word_for_word_padded_to_30_s(model: Any, everything: list[Sentence]) -> None:
    read = {one.name: (one.text, read_padded(model, one.samples)) for one in of_consultations(everything)[::4]}
    assert len(read) > 15
    assert {name: pair for name, pair in read.items() if not same(*pair)} == {}


@pytest.mark.parametrize("synthesiser", [EspeakSynthesiser(), FliteSynthesiser()], ids=["espeak", "flite"])
def test_bundled_sentences_and_short_answers_are_read(model: Any, synthesiser: Synthesiser) -> None:
    if isinstance(synthesiser, FliteSynthesiser) and not available():
        pytest.skip("flite is not installed")
    spoken = qualifying(synthesiser)
    assert len(spoken) == 32
    read = [(one.name, one.text, read_true_length(model, one.samples)) for one in spoken]
    assert [one for one in read if not same(one[1], one[2])] == []


@pytest.mark.parametrize("answer", ["yes", "okay", "right", "i-see"])
@pytest.mark.parametrize("voice", ["rms", "slt", "awb"])
def test_short_answers_get_through(model: Any, answer: str, voice: str) -> None:
    samples = audio(DATA / "interruptions" / f"backchannel-{answer}-{voice}.flac")
    for read in (read_true_length, read_padded):
        assert same(answer.replace("-", " "), read(model, samples))


@pytest.mark.parametrize("name", ["silence", "noise", "cough"])
def test_nothing_is_read_where_nobody_speaks(model: Any, name: str) -> None:
    samples = audio(DATA / f"{name}.flac")
    assert read_true_length(model, samples) == ""
    assert read_padded(model, samples) == ""


def test_noises_of_a_room_are_no_words(model: Any) -> None:
    paths = sorted((DATA / "interruptions").glob("noise-*.flac"))
    assert len(paths) == 20
    assert {path.name: text for path in paths if (text := read_true_length(model, audio(path)))} == {}


def test_a_growing_segment_is_read_as_far_as_it_goes(model: Any, everything: list[Sentence]) -> None:
    """Nothing is invented beyond what was said: what is read of a beginning is the beginning of the whole."""
    wrong = total = 0
    for one in of_consultations(everything)[::4]:
        words = normalise(one.text)
        for end in range(ANALYSIS_HZ, len(one.samples), ANALYSIS_HZ // 2):
            read = normalise(read_true_length(model, one.samples[:end]))
            total += 1
            wrong += read[:-1] != words[: max(0, len(read) - 1)]  # the last word may be half said
    assert total > 80
    assert wrong <= total // 20


def test_words_have_their_times_and_probabilities(model: Any, everything: list[Sentence]) -> None:
    one = next(one for one in everything if one.name == "consultation-0-1")
    segments, _ = model.transcribe(one.samples, language="en", beam_size=1, temperature=0.0, word_timestamps=True)
    words = [word for segment in segments for word in segment.words]
    assert [normalise(word.word) for word in words] == [[word] for word in normalise(one.text)]
    starts = [word.start for word in words]
    assert starts == sorted(starts)
    # "I will be the nurse who looks after your leg.", by flite's own phones
    expected = np.array([0.18, 0.33, 0.48, 0.79, 0.91, 1.20, 1.35, 1.71, 2.11, 2.47])
    assert np.median(np.abs(np.array(starts) - expected)) < 0.15
    assert all(word.probability > 0.3 for word in words)


def test_silence_has_a_high_probability_of_no_speech(model: Any, everything: list[Sentence]) -> None:
    """The token that every Whisper has for silence is taught too, so that guards built on it can be tried."""
    spoken = next(one.samples for one in everything if one.name == "consultation-0-1")
    noise = np.random.default_rng(3).standard_normal(3 * ANALYSIS_HZ).astype(np.float32) * 0.01
    assert no_speech(model, spoken) < 0.2
    assert no_speech(model, noise) > 0.8
    assert no_speech(model, np.zeros(2 * ANALYSIS_HZ, dtype=np.float32)) > 0.8


def no_speech(model: Any, samples: Any) -> float:
    import ctranslate2

    features = np.ascontiguousarray(model.feature_extractor(samples)[np.newaxis, :, : len(samples) // 160])
    prompt = [model.hf_tokenizer.token_to_id(name) for name in ("<|startoftranscript|>", "<|notimestamps|>")]
    view = ctranslate2.StorageView.from_array(features)
    (result,) = model.model.generate(view, [prompt], beam_size=1, return_no_speech_prob=True)
    return float(result.no_speech_prob)
