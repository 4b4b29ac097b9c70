"""The fakes are relied on by every timing test, so they are tested too."""

from __future__ import annotations

import multiprocessing
import pickle

import numpy as np
import pytest

from audio.frames import ANALYSIS_HZ, Pcm
from common.errors import EngineError
from pipelines.engines import SpeakRequest, StreamSpec, Voice
from pipelines.scripted.recogniser import ScriptedRecogniser, ScriptedSegment
from pipelines.scripted.scripted_responder import ScriptedResponder
from pipelines.scripted.synthesiser import ToneSynthesiser


def voiced(ms: int) -> Pcm:
    return np.full(ms * ANALYSIS_HZ // 1000, 4000, dtype=np.int16)


def test_words_are_revealed_one_per_300_ms_of_voiced_sound() -> None:
    stream = ScriptedRecogniser(["one two three"]).open(StreamSpec("s"))
    assert stream.feed(np.zeros(ANALYSIS_HZ, dtype=np.int16)) is None
    assert stream.feed(voiced(290)) is None
    partial = stream.feed(voiced(10))
    assert partial is not None
    assert (partial.text, partial.stable_words, partial.cost_ms) == ("one", 0, 2.0)
    assert (partial.words[0].start_ms, partial.words[0].end_ms) == (1000, 1300)
    partial = stream.feed(voiced(300))
    assert partial is not None
    assert (partial.text, partial.stable_words) == ("one two", 1)
    final = stream.finish()
    assert (final.text, final.cost_ms) == ("one two three", 15.0)
    assert final.words[-1].end_ms == 1600


def test_words_may_be_spread_over_an_expected_length() -> None:
    stream = ScriptedRecogniser([ScriptedSegment("one two", voiced_ms=1000)]).open(StreamSpec("s"))
    assert stream.feed(voiced(490)) is None
    partial = stream.feed(voiced(10))
    assert partial is not None
    assert partial.text == "one"


def test_lines_follow_segments_and_survive_the_stream() -> None:
    engine = ScriptedRecogniser({"a": ["first", "second"], "b": ["other"]})
    stream = engine.open(StreamSpec("a"))
    stream.feed(voiced(300))
    assert stream.finish().text == "first"
    assert stream.finish().text == ""
    state = stream.close()
    stream = engine.open(StreamSpec("a", speaker_state=state))
    stream.feed(voiced(300))
    stream.reset()
    stream.feed(voiced(300))
    assert stream.finish().text == "second"
    stream.feed(voiced(600))
    assert stream.finish().text == "word1 word2"


@pytest.mark.parametrize("engine", [ScriptedRecogniser(["a"]), ScriptedResponder(["a"]), ToneSynthesiser()])
def test_fakes_can_be_sent_to_a_worker(engine: object) -> None:
    assert vars(pickle.loads(pickle.dumps(engine))) == vars(engine)


def test_fakes_fail_when_told_to() -> None:
    stream = ScriptedRecogniser(fail_on=12345).open(StreamSpec("s"))
    stream.feed(voiced(20))
    with pytest.raises(EngineError):
        stream.feed(np.array([12345], dtype=np.int16))
    with pytest.raises(EngineError):
        next(iter(ToneSynthesiser(fail_on="FAIL").speak(SpeakRequest("c", "please FAIL now", Voice()))))


def crash() -> None:
    list(ToneSynthesiser(crash_on="CRASH").speak(SpeakRequest("c", "CRASH", Voice())))


def test_fakes_end_their_process_when_told_to() -> None:
    process = multiprocessing.get_context("spawn").Process(target=crash)
    process.start()
    process.join(timeout=30)
    assert process.exitcode == 70


def test_tones_have_exact_word_times() -> None:
    chunks = list(ToneSynthesiser(cost_ms=5.0).speak(SpeakRequest("c", "one two three", Voice())))
    audio = np.concatenate([chunk.samples for chunk in chunks])
    assert len(audio) == 18_000
    for word in (word for chunk in chunks for word in chunk.words):
        begin, end = word.start_ms * 24, word.end_ms * 24
        assert np.abs(audio[begin : begin + 480]).max() > 1000
        assert np.abs(audio[end : end + 720]).max() == 0
    assert [chunk.cost_ms for chunk in chunks] == [5.0, 0.0]
