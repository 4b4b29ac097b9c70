"""The recogniser around a model: the gate, second tries, loops that are cut, times, and what shares a batch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from audio.frames import ANALYSIS_HZ, WIRE_HZ, Pcm, silence
from audio.resample import resample_whole
from pipelines.engines import (
    Decoded,
    DecodePurpose,
    DecodeRequest,
    EngineInfo,
    Hypothesis,
    Rejection,
    SegmentDecoder,
    SpeakRequest,
    Voice,
    Word,
)
from pipelines.models.cache import Lease, ModelCache
from pipelines.stt.growing import GrowingSegment
from pipelines.stt.reading_plan import Purpose
from pipelines.stt.whisper import AGAIN_AT, ClipReader, WhisperDecoder
from pipelines.stt.whisper_model import AudioClip, EncodedBatch, Written
from pipelines.stt.window import WindowRule
from pipelines.tts.espeak import EspeakSynthesiser
from tests.fakes.noises import nobody

INFO = EngineInfo(kind="recogniser", name="whisper", demonstration=False, isolation="thread")
RULE = WindowRule()
LOOP = "I see you. " + "take one tablet " * 6
STUCK = "blue " * 12  # leaves too little to be kept


def written(text: str, *, no_speech: float = 0.02, log_probability: float = -0.2) -> Written:
    return Written(text, tuple(range(len(text.split()))), no_speech, log_probability)


Script = Callable[[AudioClip, float], Written]


@dataclass
class ScriptedReader:
    """Writes what the script says for a clip and a temperature, and notes what it was asked."""

    script: Script
    misaligned: bool = False
    heard: list[tuple[tuple[AudioClip, ...], WindowRule | None]] = field(default_factory=list)
    wrote: list[tuple[int, int, float]] = field(default_factory=list)  # clips, beam, temperature
    ways: list[tuple[bool, bool]] = field(default_factory=list)  # prompted, repeats
    times: tuple[tuple[int, int], ...] = ()  # of the words, instead of one each 100 ms
    aligned: list[tuple[str, ...]] = field(default_factory=list)

    def encode(self, clips: Sequence[AudioClip], *, rule: WindowRule | None) -> EncodedBatch:
        self.heard.append((tuple(clips), rule))
        return EncodedBatch(tuple(clips), None, 3_000)

    def generate(
        self,
        heard: EncodedBatch,
        *,
        beam: int = 1,
        temperature: float = 0.0,
        prompted: bool = True,
        repeats: bool = True,
    ) -> list[Written]:
        assert len({self.prompt_length(audio) for audio in heard.clips}) == 1
        self.ways.append((prompted, repeats))
        self.wrote.append((len(heard.clips), beam, temperature))
        return [self.script(audio, temperature) for audio in heard.clips]

    def align(self, heard: EncodedBatch, texts: Sequence[Written]) -> list[tuple[Word, ...]]:
        assert len(texts) == len(heard.clips)
        self.aligned.append(tuple(each.text for each in texts))
        lost = 1 if self.misaligned else 0
        if self.times:
            ((each,),) = [texts]
            pairs = zip(each.text.split(), self.times, strict=True)
            return [tuple(Word(text, start_ms, end_ms, 0.8) for text, (start_ms, end_ms) in pairs)]
        return [
            tuple(Word(text, 100 * i, 100 * i + 90, 0.8) for i, text in enumerate(each.text.split()[lost:]))
            for each in texts
        ]

    def prompt_length(self, audio: AudioClip) -> int:
        return len(audio.vocabulary)


def always(text: str, **sure: float) -> Script:
    return lambda _audio, _temperature: written(text, **sure)


def make(
    script: Script, *, beam: int = 1, rule: WindowRule | None = RULE, **options: Any
) -> tuple[Any, WhisperDecoder]:
    """Return a reader and a warm decoder on it."""
    reader = ScriptedReader(script, **options)
    cache = ModelCache(max_models=1, max_bytes=2**50)

    def load() -> Lease[ClipReader]:
        return cache.lease("scripted", lambda: reader, estimate_bytes=0, unload=lambda _model: None)

    decoder = WhisperDecoder(load, info=INFO, rule=rule, beam=beam)
    decoder.warm()
    reader.heard.clear()
    reader.wrote.clear()
    reader.ways.clear()
    reader.aligned.clear()
    return reader, decoder


@pytest.fixture(scope="module")
def speech() -> Pcm:
    text = "How long have you been feeling like this, and does it hurt when you walk?"
    wire = np.concatenate([chunk.samples for chunk in EspeakSynthesiser().speak(SpeakRequest("", text, Voice()))])
    return resample_whole(wire, from_hz=WIRE_HZ, to_hz=ANALYSIS_HZ)


@pytest.fixture(scope="module")
def minute() -> dict[str, Pcm]:
    return nobody(60_000)


def texts(decoded: Decoded) -> str:
    return " ".join(word.text for word in decoded.words)


# ------------------------------------------------------------------ loading


def test_it_is_a_segment_decoder_and_warming_reads_once() -> None:
    reader = ScriptedReader(always(""))
    cache = ModelCache(max_models=1, max_bytes=2**50)
    leases: list[Lease[ClipReader]] = []

    def load() -> Lease[ClipReader]:
        leases.append(cache.lease("scripted", lambda: reader, estimate_bytes=0, unload=lambda _model: None))
        return leases[-1]

    decoder = WhisperDecoder(load, info=INFO, rule=None)
    assert isinstance(decoder, SegmentDecoder)
    assert leases == []
    decoder.warm()
    decoder.warm()
    assert (len(leases), len(reader.heard), len(reader.wrote), len(reader.aligned)) == (1, 1, 1, 1)
    decoder.close()
    assert [status.leases for status in cache.status()] == [0]
    decoder.warm()
    assert len(leases) == 2


# ------------------------------------------------------------------ the gate


@pytest.mark.parametrize("name", sorted(nobody(100)))
def test_where_nobody_speaks_nothing_is_even_read(name: str) -> None:
    reader, decoder = make(always("Thank you."))
    (decoded,) = decoder.decode([DecodeRequest(nobody(5_000)[name])]).results
    assert decoded.words == ()
    assert decoded.rejected is not None
    assert decoded.rejected.reason in ("silent", "no_voice")
    assert reader.heard == []


def test_words_that_were_agreed_on_had_a_voice() -> None:
    reader, decoder = make(always("and so"))
    (decoded,) = decoder.decode([DecodeRequest(nobody(1_000)["noise"], prefix=("and",))]).results
    assert texts(decoded) == "and so"
    assert reader.heard[0][0][0].prefix == ("and",)


@pytest.mark.parametrize("name", sorted(nobody(100)))
def test_a_minute_in_which_nobody_speaks_gives_no_text_whatever_the_decoder_would_say(
    minute: dict[str, Pcm], name: str
) -> None:
    phrases = itertools.cycle(["Thank you.", "Thanks for watching!", "you", "...", "Please subscribe."])
    _, decoder = make(lambda _audio, _temperature: written(next(phrases), no_speech=0.05, log_probability=-0.25))
    segment, audio = GrowingSegment(), minute[name]
    told: list[Hypothesis] = []

    def read(purpose: Purpose) -> None:
        reading = segment.reading(purpose)
        (decoded,) = decoder.decode([reading.request]).results
        hypothesis = segment.take_decoded(reading, decoded)
        if hypothesis is not None:
            told.append(hypothesis)

    for start in range(0, len(audio), 12 * ANALYSIS_HZ):
        segment.add_audio(audio[start : start + 12 * ANALYSIS_HZ])
        if segment.has_new_voice:
            read("caption")
    while not segment.is_read:
        read("final")
    told.append(segment.final())
    assert {hypothesis.text for hypothesis in told} == {""}
    assert told[-1].rejected is not None


# ------------------------------------------------------------------ second tries


def test_a_final_text_that_goes_in_circles_is_written_again_less_timidly(speech: Pcm) -> None:
    reader, decoder = make(lambda _audio, temperature: written(STUCK if temperature < 0.3 else "Take one tablet."))
    (decoded,) = decoder.decode([DecodeRequest(speech)]).results
    assert (texts(decoded), decoded.rejected) == ("Take one tablet.", None)
    assert [temperature for _, _, temperature in reader.wrote] == [0.0, *AGAIN_AT]
    assert reader.ways == [(True, True), (False, False), (False, False)], "told nothing, and repeating nothing"
    assert len(reader.heard) == 1, "it was heard well enough"
    assert reader.aligned == [("Take one tablet.",)], "its times are its own"


@pytest.mark.parametrize("first", [STUCK, "and so it goes, I hear nothing of it"])
def test_what_no_temperature_helps_is_what_was_written_first(speech: Pcm, first: str) -> None:
    tries = itertools.count()
    other = written("something else", log_probability=-1.5)
    reader, decoder = make(lambda *_: other if next(tries) > 1 else written(first, log_probability=-1.2))
    (decoded,) = decoder.decode([DecodeRequest(speech)]).results
    assert len(reader.wrote) == 1 + len(AGAIN_AT)
    if first == STUCK:
        assert texts(decoded) == "blue"
        assert decoded.rejected is not None
        assert (decoded.rejected.reason, decoded.rejected.text) == ("repeats", STUCK)
    else:
        assert (texts(decoded), decoded.rejected) == (first, None)


@pytest.mark.parametrize("told", [{"prefix": ("I", "see")}, {"vocabulary": ("Okonkwo",)}], ids=str)
def test_a_text_that_was_told_something_is_first_written_without(speech: Pcm, told: dict[str, tuple[str, ...]]) -> None:
    reader, decoder = make(
        lambda audio, _temperature: written(STUCK if audio.prefix or audio.vocabulary else "I see you take one.")
    )
    (decoded,) = decoder.decode([DecodeRequest(speech, **told)]).results  # type: ignore[arg-type]
    assert (texts(decoded), decoded.rejected) == ("I see you take one.", None)
    assert [temperature for _, _, temperature in reader.wrote] == [0.0, 0.0]


def test_only_the_text_that_stumbled_is_written_again(speech: Pcm) -> None:
    def script(audio: AudioClip, _temperature: float) -> Written:
        if audio.vocabulary == ("bad",):
            return written(STUCK)
        return written("As it is." if audio.vocabulary else "Now I hear.")

    reader, decoder = make(script)
    names = ("good", "bad", "fine")
    results = decoder.decode([DecodeRequest(speech, vocabulary=(name,)) for name in names]).results
    assert [texts(decoded) for decoded in results] == ["As it is.", "Now I hear.", "As it is."]
    assert [count for count, _, _ in reader.wrote] == [3, 1]


def test_of_a_text_that_goes_in_circles_the_first_round_is_kept(speech: Pcm) -> None:
    reader, decoder = make(always(LOOP))
    (decoded,) = decoder.decode([DecodeRequest(speech)]).results
    assert (texts(decoded), decoded.rejected) == ("I see you. take one tablet", Rejection("repeats", LOOP))
    assert (len(reader.wrote), decoder.repeats) == (1, 1)


@pytest.mark.parametrize("purpose", ["interim", "final"])
@pytest.mark.parametrize(
    ("text", "tries"), [("Thanks for watching!", 1), (LOOP, 1), (STUCK, 3), ("I see", 1), ("", 1), ("a b " * 40, 3)]
)
def test_what_is_tried_again(speech: Pcm, purpose: DecodePurpose, text: str, tries: int) -> None:
    reader, decoder = make(always(text))
    decoder.decode([DecodeRequest(speech, purpose)])
    assert len(reader.wrote) == tries


def test_captions_are_not_tried_again(speech: Pcm) -> None:
    reader, decoder = make(always(STUCK, log_probability=-1.2))
    (decoded,) = decoder.decode([DecodeRequest(speech, "caption", times=False)]).results
    assert len(reader.wrote) == 1
    assert decoded.rejected is not None


def test_invented_text_is_rejected_with_its_text(speech: Pcm) -> None:
    _, decoder = make(always("Thanks for watching!"))
    (decoded,) = decoder.decode([DecodeRequest(speech)]).results
    assert decoded.words == ()
    assert decoded.rejected is not None
    assert (decoded.rejected.reason, decoded.rejected.text) == ("phantom", "Thanks for watching!")


def test_a_text_that_repeats_itself_from_the_first_word_on_leaves_one_round(speech: Pcm) -> None:
    _, decoder = make(always("Um, " * 9 + "um."))
    (decoded,) = decoder.decode([DecodeRequest(speech)]).results
    assert texts(decoded) == "Um,"


# ------------------------------------------------------------------ what is written once more

TWICE = "It was too big. It was too big."
SAID_ONCE = ((0, 400), (400, 700), (700, 1_200), (1_200, 2_200), *((2_200 + at, 2_220 + at) for at in (0, 20, 40, 60)))
SAID_TWICE = tuple((start, start + 280) for start in range(0, 2_400, 300))


@pytest.mark.parametrize("purpose", ["caption", "interim", "final"])
def test_a_round_that_has_no_sound_of_its_own_is_cut(speech: Pcm, purpose: DecodePurpose) -> None:
    reader, decoder = make(always(TWICE), times=SAID_ONCE)
    (decoded,) = decoder.decode([DecodeRequest(speech, purpose, times=purpose != "caption")]).results
    assert texts(decoded) == "It was too big."
    rejected = decoded.rejected.reason if decoded.rejected is not None else None
    assert rejected == (None if purpose == "caption" else "repeats")
    assert len(reader.wrote) == 1


@pytest.mark.parametrize("purpose", ["caption", "final"])
def test_what_was_said_twice_is_heard_twice(speech: Pcm, purpose: DecodePurpose) -> None:
    _, decoder = make(always(TWICE), times=SAID_TWICE)
    (decoded,) = decoder.decode([DecodeRequest(speech, purpose, times=purpose != "caption")]).results
    assert (texts(decoded), decoded.rejected) == (TWICE, None)


# ------------------------------------------------------------------ what it was told


@pytest.mark.parametrize("text", ["Salbutamol.", "A conversation about Grant.", "Grant, salbutamol."])
def test_what_it_was_told_is_no_text_unless_it_is_heard_untold(speech: Pcm, text: str) -> None:
    words = ("Grant", "salbutamol")
    for untold, kept in ((" ", ""), ("Thanks for watching!", ""), ("Salbitamol.", text)):
        reader, decoder = make(lambda audio, _temperature, untold=untold: written(text if audio.vocabulary else untold))  # type: ignore[misc]
        (decoded,) = decoder.decode([DecodeRequest(speech, vocabulary=words)]).results
        assert texts(decoded) == kept
        assert reader.ways == [(True, True), (False, True)]
        if not kept:
            assert decoded.rejected == Rejection("echo", text)


def test_a_text_with_a_word_of_its_own_is_not_asked_for_twice(speech: Pcm) -> None:
    reader, decoder = make(always("Is it salbutamol?"))
    decoder.decode([DecodeRequest(speech, vocabulary=("salbutamol",))])
    assert reader.ways == [(True, True)]


# ------------------------------------------------------------------ times


def test_words_have_the_times_of_the_alignment(speech: Pcm) -> None:
    _, decoder = make(always("where does it hurt"))
    (decoded,) = decoder.decode([DecodeRequest(speech)]).results
    assert [(word.text, word.start_ms, word.confidence) for word in decoded.words] == [
        ("where", 0, 0.8),
        ("does", 100, 0.8),
        ("it", 200, 0.8),
        ("hurt", 300, 0.8),
    ]


def test_words_are_spread_over_the_sound_where_the_alignment_says_something_else(speech: Pcm) -> None:
    _, decoder = make(always("where does it hurt"), misaligned=True)
    (decoded,) = decoder.decode([DecodeRequest(speech)]).results
    assert texts(decoded) == "where does it hurt"
    length_ms = 1000 * len(speech) / ANALYSIS_HZ
    assert decoded.words[-1].end_ms == pytest.approx(length_ms, abs=1)
    assert {word.confidence for word in decoded.words} == {None}


def test_words_are_spread_where_nobody_asked_for_times(speech: Pcm) -> None:
    reader, decoder = make(always("where does it hurt"))
    (decoded,) = decoder.decode([DecodeRequest(speech, "caption", times=False)]).results
    assert texts(decoded) == "where does it hurt"
    assert reader.aligned == []


def test_nothing_is_aligned_where_nothing_was_written(speech: Pcm) -> None:
    reader, decoder = make(always(""))
    (decoded,) = decoder.decode([DecodeRequest(speech)]).results
    assert decoded == Decoded()
    assert reader.aligned == []


# ------------------------------------------------------------------ batches


def test_sounds_whose_prompts_are_as_long_share_a_batch_and_answers_keep_their_order(speech: Pcm) -> None:
    reader, decoder = make(lambda audio, _temperature: written(" ".join(("say", *audio.vocabulary))))
    vocabularies = [("one",), (), ("three", "four"), ("five",), ("six", "seven"), ()]
    clips = [speech, speech, speech, speech, nobody(3_000)["noise"], speech]
    requests = [DecodeRequest(audio, vocabulary=words) for audio, words in zip(clips, vocabularies, strict=True)]
    results = decoder.decode(requests).results
    assert [texts(decoded) for decoded in results] == ["say one", "say", "say three four", "say five", "", "say"]
    assert sorted(len(clips) for clips, _ in reader.heard) == [1, 2, 2]


@pytest.mark.parametrize("rule", [RULE, None])
def test_the_qualified_way_is_the_way_that_is_used(speech: Pcm, rule: WindowRule | None) -> None:
    reader, decoder = make(lambda _audio, temperature: written("fine" if temperature else STUCK), rule=rule)
    decoder.decode([DecodeRequest(speech)])
    assert [way for _, way in reader.heard] == [rule]
    decoder.decode([DecodeRequest(speech)] * 2)
    assert [way for _, way in reader.heard] == [rule] * 4, "a batch is heard anew for each that stumbled"


def test_a_beam_is_for_what_somebody_waits_for(speech: Pcm) -> None:
    reader, decoder = make(always("where does it hurt"), beam=5)
    for purpose in ("caption", "interim", "final"):
        decoder.decode([DecodeRequest(speech, purpose)])
    assert [beam for _, beam, _ in reader.wrote] == [1, 5, 5]


def test_no_requests_and_no_sound_are_no_failure() -> None:
    _, decoder = make(always("you"))
    assert decoder.decode([]).results == ()
    for empty in (np.zeros(0, dtype=np.int16), silence(5, ANALYSIS_HZ)):
        (decoded,) = decoder.decode([DecodeRequest(empty)]).results
        assert decoded.words == ()
