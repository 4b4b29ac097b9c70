"""A segment while it is being said: captions, what is there for good, pieces, and the reading that becomes final."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from audio.frames import ANALYSIS_HZ, Pcm, samples_for, silence
from pipelines.engines import Decoded, DecodeRequest, Hypothesis, Rejection, Word
from pipelines.stt.growing import GrowingSegment, Growth, ReadRequest, spread
from pipelines.stt.reading_plan import Purpose

Decode = Callable[[DecodeRequest], Decoded]

LOOP = Rejection("repeats", "la la la")


def voice(ms: float, level: int = 5_000) -> Pcm:
    """Return a buzz: one level, so that every window of it is voiced."""
    at = np.arange(samples_for(ms, ANALYSIS_HZ))
    return np.where((at // 80) % 2, level, -level).astype(np.int16)


def quiet(ms: float) -> Pcm:
    return silence(ms, ANALYSIS_HZ)


def says(text: str, word_ms: int = 300) -> Decode:
    """Return a decoder that hears this text, a word each `word_ms` of the audio that it is given."""

    def decode(request: DecodeRequest) -> Decoded:
        texts = text.split()[: 1000 * len(request.samples) // ANALYSIS_HZ // word_ms]
        return Decoded(tuple(Word(each, i * word_ms, (i + 1) * word_ms) for i, each in enumerate(texts)))

    return decode


def read(segment: GrowingSegment, purpose: Purpose, decode: Decode) -> Hypothesis | None:
    reading = segment.reading(purpose)
    return segment.take_decoded(reading, decode(reading.request))


def read_to_the_end(segment: GrowingSegment, decode: Decode) -> Hypothesis:
    """Read until the final text is known, as a lane does."""
    for _ in range(100):
        if not segment.samples or segment.is_read:
            return segment.final()
        reading = segment.reading("final")
        segment.take_decoded(reading, decode(reading.request))
        if reading.to_samples >= segment.samples:
            return segment.final()
    raise AssertionError("it is read again and again")


def published(hypothesis: Hypothesis) -> list[str]:
    return hypothesis.text.split()[: hypothesis.stable_words]


def assert_sound(hypothesis: Hypothesis, segment: GrowingSegment) -> None:
    """Text and words agree, times are in order and inside the segment."""
    assert hypothesis.text == " ".join(word.text for word in hypothesis.words)
    assert 0 <= hypothesis.stable_words <= len(hypothesis.words)
    for word in hypothesis.words:
        assert 0 <= word.start_ms < word.end_ms <= 1000 * segment.samples / ANALYSIS_HZ + len(hypothesis.words)
    for before, after in itertools.pairwise(hypothesis.words):
        assert before.end_ms <= after.start_ms


# ------------------------------------------------------------------ captions


def test_captions_publish_what_two_of_them_agree_on() -> None:
    segment, decode = GrowingSegment(), says("how long have you had this")
    segment.add_audio(voice(650))
    first = read(segment, "caption", decode)
    assert first is not None
    assert (first.text, first.stable_words, first.final) == ("how long", 0, False)
    segment.add_audio(voice(600))
    second = read(segment, "caption", decode)
    assert second is not None
    assert (second.text, second.stable_words) == ("how long have you", 2)
    assert_sound(second, segment)


def test_the_next_reading_is_told_what_was_agreed_and_the_vocabulary() -> None:
    segment, decode = GrowingSegment(("Okonkwo",)), says("how long have you had this")
    for _ in range(2):
        segment.add_audio(voice(700))
        read(segment, "caption", decode)
    request = segment.reading("final").request
    assert request.prefix == ("how", "long")
    assert request.vocabulary == ("Okonkwo",)
    assert len(request.samples) == segment.samples


def test_short_captions_need_no_times_and_everything_else_has_them() -> None:
    segment = GrowingSegment(growth=Growth(trim_s=2.0, most_s=4.0))
    segment.add_audio(voice(1000))
    assert [segment.reading(purpose).request.times for purpose in _PURPOSES] == [False, True, True]
    segment.add_audio(voice(1100))
    assert segment.reading("caption").request.times, "its sentence ends are cuts"
    early = GrowingSegment(growth=Growth(trim_s=15.0, most_s=5.0))
    early.add_audio(voice(5000))
    assert early.reading("caption").request.times, "it may have to be cut"


_PURPOSES: tuple[Purpose, ...] = ("caption", "interim", "final")


def test_a_rejected_caption_is_not_shown_and_published_words_stay() -> None:
    segment, decode = GrowingSegment(), says("how long have you")
    for _ in range(2):
        segment.add_audio(voice(700))
        read(segment, "caption", decode)
    segment.add_audio(voice(700))
    assert read(segment, "caption", lambda _: Decoded(rejected=LOOP)) is None
    final = read_to_the_end(segment, lambda _: Decoded(rejected=LOOP))
    assert (final.text, final.stable_words, final.rejected) == ("how long", 2, LOOP)
    assert_sound(final, segment)


def test_a_caption_that_has_fewer_words_than_were_published_shows_them_all_the_same() -> None:
    segment, decode = GrowingSegment(), says("how long have you had")
    for _ in range(2):
        segment.add_audio(voice(900))
        read(segment, "caption", decode)
    shown = read(segment, "caption", says("who"))
    assert shown is not None
    assert published(shown) == ["how", "long", "have"]
    assert_sound(shown, segment)


def test_a_caption_reaches_no_voice_that_comes_later() -> None:
    segment = GrowingSegment()
    heard = [segment.has_new_voice]
    segment.add_audio(voice(500))
    heard.append(segment.has_new_voice)
    reading = segment.reading("caption")
    segment.add_audio(voice(500))
    segment.take_decoded(reading, says("how long")(reading.request))
    heard.append(segment.has_new_voice)
    read(segment, "caption", says("how long"))
    heard.append(segment.has_new_voice)
    segment.add_audio(silence(1000, ANALYSIS_HZ))
    heard.append(segment.has_new_voice)
    assert heard == [False, True, True, False, False]


# ------------------------------------------------------------------ pauses


@pytest.mark.parametrize("pause", [silence(400, ANALYSIS_HZ), voice(400, level=50)], ids=["silence", "room"])
def test_a_reading_in_a_pause_is_the_final_one_if_no_voice_follows(pause: Pcm) -> None:
    segment = GrowingSegment()
    segment.add_audio(voice(900))
    segment.add_audio(pause[:1600])
    peeked = read(segment, "interim", says("yes I do"))
    assert peeked is not None
    assert (peeked.text, peeked.final, peeked.stable_words) == ("yes I do", False, 0)
    assert segment.is_read
    segment.add_audio(pause[1600:])
    assert segment.is_read
    final = segment.final()
    assert (final.text, final.final, final.stable_words) == ("yes I do", True, 3)
    assert final.words == peeked.words


def test_a_reading_in_a_pause_is_not_the_final_one_if_voice_follows() -> None:
    segment = GrowingSegment()
    segment.add_audio(voice(900))
    segment.add_audio(silence(150, ANALYSIS_HZ))
    read(segment, "interim", says("yes I do"))
    segment.add_audio(silence(100, ANALYSIS_HZ))
    segment.add_audio(voice(300))
    assert not segment.is_read
    assert read_to_the_end(segment, says("yes I do not")).text == "yes I do not"


def test_voice_that_was_fed_while_the_pause_was_being_read_counts() -> None:
    segment = GrowingSegment()
    segment.add_audio(voice(900))
    reading = segment.reading("interim")
    segment.add_audio(voice(300))
    segment.take_decoded(reading, says("yes I do")(reading.request))
    assert not segment.is_read


def test_a_caption_without_times_is_no_final_reading() -> None:
    segment = GrowingSegment()
    segment.add_audio(voice(900))
    read(segment, "caption", says("yes I do"))
    assert not segment.is_read


def test_a_rejected_caption_is_no_final_reading_however_long_it_is() -> None:
    """A caption that goes round in circles is not tried again at other temperatures: a final reading is."""
    segment = GrowingSegment(growth=Growth(trim_s=1.0, most_s=8.0))
    segment.add_audio(voice(2000))
    read(segment, "caption", lambda _: Decoded(rejected=LOOP))
    assert not segment.is_read
    assert read_to_the_end(segment, says("and so on")).text == "and so on"


# ------------------------------------------------------------------ lulls


def test_a_caption_is_due_in_a_lull_before_it_is_in_the_midst_of_speech() -> None:
    segment = GrowingSegment()
    due = []
    for audio in (voice(90), quiet(20), quiet(20), voice(400), voice(400), voice(100)):
        segment.add_audio(audio)
        due.append(segment.caption_due(every_ms=1_000, in_lull_ms=100))
    assert due == [None, None, "lull", None, None, "caption"]
    segment.skip()
    assert segment.caption_due(every_ms=1_000, in_lull_ms=100) is None


def test_a_lull_brings_too_little_that_is_new_soon_after_a_reading() -> None:
    segment = GrowingSegment()
    segment.add_audio(voice(500))
    read(segment, "caption", says("yes"))
    segment.add_audio(voice(50))
    segment.add_audio(quiet(40))
    assert segment.caption_due(every_ms=1_000, in_lull_ms=100) is None
    segment.add_audio(quiet(10))
    assert segment.caption_due(every_ms=1_000, in_lull_ms=100) == "lull"


def test_a_lull_is_shown_like_a_caption_and_is_final_like_a_pause() -> None:
    segment = GrowingSegment()
    segment.add_audio(voice(900))
    read(segment, "caption", says("yes I do"))
    segment.add_audio(voice(300))
    segment.add_audio(quiet(40))
    reading = segment.reading("lull")
    assert (reading.request.purpose, reading.request.times) == ("interim", True)
    assert segment.will_be_read(reading)
    shown = segment.take_decoded(reading, says("yes I do now")(reading.request))
    assert shown is not None
    assert published(shown) == ["yes", "I", "do"]
    segment.add_audio(quiet(500))
    assert segment.is_read
    assert segment.final().text == "yes I do now"


def test_a_lull_that_was_none_is_a_caption_and_no_more() -> None:
    segment = GrowingSegment()
    segment.add_audio(voice(900))
    segment.add_audio(quiet(40))
    reading = segment.reading("lull")
    segment.add_audio(voice(300))
    assert not segment.will_be_read(reading)
    assert segment.take_decoded(reading, says("yes I do")(reading.request)) is not None
    assert not segment.is_read
    assert read_to_the_end(segment, says("yes I do not")).text == "yes I do not"


def test_a_caption_that_comes_after_a_reading_of_more_is_not_shown() -> None:
    segment = GrowingSegment()
    segment.add_audio(voice(900))
    late = segment.reading("caption")
    segment.add_audio(voice(300))
    segment.add_audio(quiet(120))
    read(segment, "interim", says("yes I do not"))
    assert segment.take_decoded(late, says("yes eye due")(late.request)) is None
    assert segment.final().text == "yes I do not"


# ------------------------------------------------------------------ nothing


def test_an_empty_segment_has_an_empty_final_text() -> None:
    segment = GrowingSegment()
    segment.add_audio(np.zeros(0, dtype=np.int16))
    assert segment.samples == 0
    final = read_to_the_end(segment, _never)
    assert (final.text, final.words, final.final, final.stable_words, final.rejected) == ("", (), True, 0, None)
    assert segment.known().text == ""


def _never(_: DecodeRequest) -> Decoded:
    raise AssertionError("nothing is to be read")


def test_a_rejected_final_reading_says_so_and_a_pauses_does_not() -> None:
    segment = GrowingSegment()
    segment.add_audio(voice(900))
    nothing = Rejection("no_voice", "")
    peeked = read(segment, "interim", lambda _: Decoded(rejected=nothing))
    assert peeked is not None
    assert (peeked.text, peeked.rejected) == ("", None)
    assert segment.final().rejected == nothing


# ------------------------------------------------------------------ letting go of audio


def spoken(text: str, word_ms: int = 500) -> Callable[[Pcm], Decode]:
    """Return, for a whole segment's audio, a decoder that knows where in it what it is given lies."""

    def of(whole: Pcm) -> Decode:
        texts = text.split()

        def decode(request: DecodeRequest) -> Decoded:
            start = int(request.samples[0]) - 1000 if len(request.samples) else 0  # the buzz tells where it is
            from_ms, length_ms = start * 100, 1000 * len(request.samples) // ANALYSIS_HZ
            words = []
            for index, each in enumerate(texts):
                begin, end = index * word_ms - from_ms, (index + 1) * word_ms - from_ms
                if begin >= 0 and end <= length_ms:
                    words.append(Word(each, begin, end))
            return Decoded(tuple(words))

        return decode

    return of


def placed(ms: float) -> Pcm:
    """Return audio whose samples tell in which 100 ms of the segment they are."""
    return (1000 + np.arange(samples_for(ms, ANALYSIS_HZ)) // 1600).astype(np.int16)


def grow(
    segment: GrowingSegment, audio: Pcm, decode: Decode, *, every_ms: int = 500
) -> list[tuple[Hypothesis, ReadRequest]]:
    """Feed the audio and read a caption after each step."""
    captions = []
    step = samples_for(every_ms, ANALYSIS_HZ)
    for start in range(0, len(audio), step):
        segment.add_audio(audio[start : start + step])
        reading = segment.reading("caption")
        caption = segment.take_decoded(reading, decode(reading.request))
        if caption is not None:
            assert_sound(caption, segment)
            captions.append((caption, reading))
    return captions


def test_sound_is_let_go_at_the_end_of_a_sentence_that_is_there_for_good() -> None:
    text = "I will look at it now. Then I will clean the wound and put a dressing on it"
    audio = placed(8_000)
    segment = GrowingSegment(growth=Growth(trim_s=4.0, most_s=28.0))
    captions = grow(segment, audio, spoken(text)(audio))
    starts = {reading.from_samples for _, reading in captions}
    assert starts == {0, samples_for(3_000, ANALYSIS_HZ)}, "the sentence ends after six words of 500 ms"
    assert captions[-1][0].text == text[: len(captions[-1][0].text)]
    assert len(captions[-1][0].words) == 16
    final = read_to_the_end(segment, spoken(text)(audio))
    assert final.text.split() == text.split()[:16]
    assert [word.start_ms for word in final.words] == list(range(0, 8_000, 500))


def test_a_sentence_without_end_is_cut_before_it_is_too_long_to_be_read() -> None:
    text = " ".join(f"w{number}" for number in range(60))
    audio = placed(30_000)
    segment = GrowingSegment(growth=Growth(trim_s=4.0, most_s=8.0))
    captions = grow(segment, audio, spoken(text)(audio))
    assert max(len(reading.request.samples) for _, reading in captions) <= samples_for(8_000, ANALYSIS_HZ)
    final = read_to_the_end(segment, spoken(text)(audio))
    assert final.text == text
    assert [word.start_ms for word in final.words] == list(range(0, 30_000, 500))


@pytest.mark.parametrize("purpose", ["interim", "final"])
def test_what_was_never_captioned_is_read_in_pieces(purpose: Purpose) -> None:
    text = " ".join(f"w{number}" for number in range(60))
    audio = placed(30_000)
    segment, decode = GrowingSegment(growth=Growth(trim_s=4.0, most_s=8.0)), spoken(text)(audio)
    segment.add_audio(audio)
    lengths, found = [], None
    while found is None:
        reading = segment.reading(purpose)
        lengths.append(len(reading.request.samples))
        assert reading.request.times
        found = segment.take_decoded(reading, decode(reading.request))
    assert max(lengths) == samples_for(8_000, ANALYSIS_HZ)
    assert len(lengths) <= 6
    assert found.text == text
    assert_sound(found, segment)
    assert segment.final().text == text


def test_words_at_the_end_of_a_piece_are_read_again_with_what_follows() -> None:
    """Somebody begins to speak where a piece ends: nothing of it was agreed on, and nothing of it is lost."""
    audio = placed(12_000)
    segment = GrowingSegment(growth=Growth(trim_s=4.0, most_s=8.0))
    decode = spoken("x " * 14 + "now I begin to speak of it at last")(audio)

    def quiet_before(request: DecodeRequest) -> Decoded:
        return Decoded(tuple(word for word in decode(request).words if word.text != "x"))

    segment.add_audio(audio)
    assert read_to_the_end(segment, quiet_before).text == "now I begin to speak of it at last"


def test_a_long_caption_on_which_nothing_is_agreed_costs_no_sound() -> None:
    """Each caption writes something else: what was said is read once more in the end, and from its beginning."""
    segment = GrowingSegment(growth=Growth(trim_s=2.0, most_s=8.0))
    for number in range(14):
        segment.add_audio(voice(500))
        read(segment, "caption", says(f"{number} " * 20))
    reading = segment.reading("final")
    assert reading.from_samples == 0
    assert len(reading.request.samples) == samples_for(7_000, ANALYSIS_HZ)


@pytest.mark.parametrize("kept", ["", "mm "])
def test_a_minute_in_which_the_decoder_goes_in_circles_is_read_once(kept: str) -> None:
    """What is kept of a loop is short: letting go of that little audio at a time would read the minute many times."""
    segment = GrowingSegment(growth=Growth(trim_s=15.0, most_s=28.0))
    segment.add_audio(voice(60_000))
    calls = []

    def loop(request: DecodeRequest) -> Decoded:
        calls.append(len(request.samples))
        return Decoded(says(kept)(request).words, LOOP)

    final = read_to_the_end(segment, loop)
    assert len(calls) <= 4
    assert final.rejected == LOOP
    assert len(final.words) <= len(calls)
    assert_sound(final, segment)


def test_published_words_keep_their_place_when_a_piece_is_rejected() -> None:
    segment, decode = GrowingSegment(growth=Growth(trim_s=6.0, most_s=8.0)), says("well you see")
    for _ in range(2):
        segment.add_audio(voice(1000))
        read(segment, "caption", decode)
    segment.add_audio(voice(10_000))
    assert read(segment, "interim", lambda _: Decoded(rejected=LOOP)) is None
    assert segment.reading("final").request.prefix == (), "the sound under these words was let go"
    final = read_to_the_end(segment, says("and now"))
    assert final.text == "well you see and now"
    assert_sound(final, segment)
    assert final.words[2].end_ms <= 8_000 < final.words[4].end_ms


def test_a_published_word_keeps_its_form_when_its_sound_is_let_go() -> None:
    segment = GrowingSegment(growth=Growth(trim_s=2.0, most_s=4.0))
    for _ in range(2):
        segment.add_audio(voice(900))
        read(segment, "caption", says("well, you see"))
    segment.add_audio(voice(4_000))
    read(segment, "final", says("Well you saw it all here"))
    final = read_to_the_end(segment, says(""))
    assert final.text.startswith("well, you see it")


def test_a_reading_of_sound_that_was_cut_meanwhile_is_not_taken() -> None:
    segment = GrowingSegment(growth=Growth(trim_s=2.0, most_s=4.0))
    segment.add_audio(voice(5_000))
    old = segment.reading("final")
    read(segment, "final", says("a b c d e f g h i"))
    assert segment.take_decoded(old, says("something else")(old.request)) is None
    assert segment.final().text == "a b c d e f g h"


# ------------------------------------------------------------------ any readings at all

READINGS = st.lists(
    st.tuples(
        st.sampled_from(_PURPOSES[:2]),
        st.integers(0, 30),  # tenths of a second fed before
        st.booleans(),  # of voice
        st.lists(st.sampled_from(["a", "a.", "b", "b,", "c?", "d"]), max_size=8),
        st.booleans(),  # rejected
        st.booleans(),  # fed while it is being read
    ),
    max_size=12,
)


@pytest.mark.parametrize("honours", [True, False])
@hypothesis_settings(max_examples=200)
@given(data=st.data())
def test_published_words_never_change_whatever_is_read(honours: bool, data: Any) -> None:
    segment = GrowingSegment(growth=Growth(trim_s=2.0, most_s=4.0))
    seen: list[str] = []

    def decode(request: DecodeRequest, texts: Sequence[str], rejected: bool) -> Decoded:
        texts = [*request.prefix, *texts] if honours else texts
        length_ms = 1000 * len(request.samples) / ANALYSIS_HZ
        if len(texts) > length_ms:
            texts = []
        words = () if rejected and data.draw(st.booleans()) else spread(texts, length_ms)
        return Decoded(words, LOOP if rejected else None)

    def check(hypothesis: Hypothesis | None) -> None:
        nonlocal seen
        if hypothesis is not None:
            assert_sound(hypothesis, segment)
            assert published(hypothesis)[: len(seen)] == seen
            seen = published(hypothesis)

    for purpose, tenths, voiced, texts, rejected, late in data.draw(READINGS):
        audio = voice(100 * tenths) if voiced else silence(100 * tenths, ANALYSIS_HZ)
        if not late:
            segment.add_audio(audio)
        reading = segment.reading(purpose)
        if late:
            segment.add_audio(audio)
        check(segment.take_decoded(reading, decode(reading.request, texts, rejected)))
        check(segment.known())
        prefix = list(segment.reading("caption").request.prefix)
        assert prefix == seen[len(seen) - len(prefix) :]
    final = read_to_the_end(segment, lambda request: decode(request, ["e"], False))
    check(final)
    assert final.final
    assert final.stable_words == len(final.words)


# ------------------------------------------------------------------ times without an alignment


@given(st.lists(st.text("abc.", min_size=1, max_size=12), max_size=20), st.floats(0, 30_000))
@example(["aaaaaaa", "a", "a"], 3.0)
def test_spread_words_fill_the_sound_in_order(texts: list[str], length_ms: float) -> None:
    words = spread(texts, length_ms)
    assert [word.text for word in words] == texts
    assert all(word.start_ms < word.end_ms for word in words)
    for before, after in itertools.pairwise(words):
        assert before.end_ms <= after.start_ms
    if words:
        assert words[0].start_ms == 0
        assert words[-1].end_ms <= max(length_ms, len(words))


def test_a_segment_that_is_given_up_keeps_what_was_published() -> None:
    segment = GrowingSegment()
    rng = np.random.default_rng(0)
    for _ in range(2):
        segment.add_audio((rng.normal(size=8_000) * 3_000).astype(np.int16))
        reading = segment.reading("caption")
        segment.take_decoded(reading, Decoded(spread(["my", "leg", "hurts"], 400.0)))
    segment.give_up()
    assert segment.is_read  # nothing more is asked of the engine
    assert segment.final().text == "my leg hurts"
