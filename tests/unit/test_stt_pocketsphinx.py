"""What is PocketSphinx's own beside the contract every recogniser keeps: its pool of decoders and its speakers."""

from __future__ import annotations

import numpy as np
import pytest

from audio.frames import ANALYSIS_HZ
from common.errors import EngineError
from pipelines.engines import StreamSpec
from pipelines.stt.pocketsphinx import PocketSphinxRecogniser, PocketSphinxSettings, PocketSphinxStream


@pytest.fixture(scope="module")
def recogniser() -> PocketSphinxRecogniser:
    engine = PocketSphinxRecogniser()
    engine.warm()
    return engine


def open_stream(engine: PocketSphinxRecogniser, *vocabulary: str, state: str | None = None) -> PocketSphinxStream:
    return engine.open(StreamSpec(stream_id="s", vocabulary=vocabulary, speaker_state=state))


def noise(seconds: float) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.random.default_rng(3).normal(0, 2000, int(seconds * ANALYSIS_HZ)).astype(np.int16)


def test_a_decoder_is_used_again_but_never_with_another_cards_words(recogniser: PocketSphinxRecogniser) -> None:
    first = open_stream(recogniser, "Okonkwo")
    decoder = first._decoder
    assert decoder.raw.lookup_word("okonkwo~0") is not None
    first.close()
    with_more = open_stream(recogniser, "Okonkwo", "apixaban")
    assert with_more._decoder is decoder
    assert decoder.raw.lookup_word("apixaban~0") is not None
    with_more.close()
    other = open_stream(recogniser, "warfarin")
    assert other._decoder is not decoder
    assert other._decoder.raw.lookup_word("okonkwo~0") is None
    other.close()


def test_no_more_decoders_are_kept_than_configured() -> None:
    engine = PocketSphinxRecogniser(PocketSphinxSettings(spare_decoders=0))
    stream = open_stream(engine)
    stream.close()
    assert engine._spare == []


def test_an_added_word_has_a_probability_in_the_language_model(recogniser: PocketSphinxRecogniser) -> None:
    stream = open_stream(recogniser, "Okonkwo")
    model = stream._decoder.raw.get_lm()
    assert model.prob(["okonkwo~0"]) > model.prob(["whitlock"])
    stream.close()


def test_a_speakers_state_is_taken_over_and_a_spoilt_one_is_not(recogniser: PocketSphinxRecogniser) -> None:
    fresh = open_stream(recogniser)
    assert fresh.close() is None  # nothing heard, nothing known

    stream = open_stream(recogniser)
    stream.feed(noise(1.0))
    stream.finish()
    state = stream.close()
    assert state is not None
    again = open_stream(recogniser, state=state)
    assert again.close() == state

    for spoilt in ("", "nonsense", "1,2,3", ",".join(["nan"] * 13)):
        stream = open_stream(recogniser, state=spoilt)
        assert stream._cmn == recogniser.settings.initial_cmn
        stream.close()


def test_an_abandoned_segment_does_not_change_the_speakers_state(recogniser: PocketSphinxRecogniser) -> None:
    state = recogniser.settings.initial_cmn
    stream = open_stream(recogniser, state=state)
    stream.feed(noise(1.0))
    stream.reset()
    assert stream.close() == state


def test_a_closed_stream_says_so(recogniser: PocketSphinxRecogniser) -> None:
    stream = open_stream(recogniser)
    stream.close()
    assert stream.close() is None
    with pytest.raises(EngineError, match="closed"):
        stream.feed(noise(0.2))


def test_sound_below_the_silence_level_is_no_speech(recogniser: PocketSphinxRecogniser) -> None:
    stream = open_stream(recogniser)
    stream.feed(np.clip(noise(1.0), -30, 30))
    assert stream.finish().text == ""
    stream.close()


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="extra"):
        PocketSphinxSettings.model_validate({"beam": 1})
