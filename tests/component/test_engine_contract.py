"""What every engine must do, whichever it is: the fakes, the embedded set, and what the system happens to have."""

from __future__ import annotations

import functools
import itertools
import pickle
from collections.abc import Callable, Generator, Iterator, Sequence

import numpy as np
import pytest

from audio.frames import ANALYSIS_HZ, WIRE_HZ, Pcm, samples_for, silence
from audio.resample import resample_whole
from pipelines.engines import (
    Clause,
    Hypothesis,
    ModelUse,
    Recogniser,
    RecogniserStream,
    Release,
    RemoteUse,
    ReplyEnd,
    Responder,
    RespondKind,
    RespondRequest,
    SpeakRequest,
    SpeechChunk,
    StreamSpec,
    Synthesiser,
    Voice,
    Word,
)
from pipelines.intent.acts import Act
from pipelines.patient.card import CandidateSide, Card, Cue, Lines, PatientSide
from pipelines.patient.persona import persona_of
from pipelines.responders.card_words import CardWords
from pipelines.responders.remote.mind import RemoteMind
from pipelines.responders.remote.remote_plan import plan_remote
from pipelines.responders.remote.remote_responder import RemoteResponder
from pipelines.responders.remote.settings import RemoteSettings
from pipelines.scripted.recogniser import ScriptedRecogniser
from pipelines.scripted.scripted_responder import ScriptedResponder
from pipelines.scripted.synthesiser import ToneSynthesiser
from pipelines.stt.decoded_stream import DecodedRecogniser
from pipelines.stt.pocketsphinx import PocketSphinxRecogniser
from pipelines.stt.served_decoder import ServedDecoder
from pipelines.stt.wer import normalise
from pipelines.tts import flite
from pipelines.tts.espeak import EspeakSynthesiser
from pipelines.tts.flite import FliteSynthesiser
from tests.fakes.served import served
from tests.models.proof import KNOWN, KNOWN_TOO, proof_decoder, proof_recogniser
from tests.nightly import NIGHTLY
from tests.tiny_llama import tiny_responder

RECOGNISERS: dict[str, Callable[[], Recogniser]] = {
    "scripted": ScriptedRecogniser,
    "pocketsphinx": PocketSphinxRecogniser,
    "whisper": functools.partial(proof_recogniser, true_length=True),
}
if NIGHTLY:  # the same stream with a slower encoder
    RECOGNISERS["whisper-padded"] = functools.partial(proof_recogniser, true_length=False)
RESPONDERS: dict[str, Callable[[], Responder]] = {
    "scripted": ScriptedResponder,
    "scripted-patient": CardWords,
    # Nobody is asked, since nobody agreed.
    "remote": lambda: RemoteResponder(
        RemoteMind(plan_remote(RemoteSettings(ollama_hosts=("127.0.0.1:9",), model="m")))
    ),
    "language-model": tiny_responder,
}
SYNTHESISERS: dict[str, Callable[[], Synthesiser]] = {"scripted": ToneSynthesiser, "espeak": EspeakSynthesiser}
if flite.available():
    SYNTHESISERS["flite"] = FliteSynthesiser

# This engine's voice flutters on from call to call, by some 10 ms.
VARYING = {"espeak"}

SENTENCE = "How long have you been feeling like this?"
OTHER = "Please tell me if anything makes it worse."
KNOWN_SENTENCES = {SENTENCE: KNOWN, OTHER: KNOWN_TOO}
"""What the proof model is told instead: it knows no other words."""


SERVED = "whisper-served"  # the same, asked for over HTTP


@pytest.fixture(scope="module", params=[*sorted(RECOGNISERS), SERVED])
def recogniser(request: pytest.FixtureRequest) -> Iterator[Recogniser]:
    if request.param != SERVED:
        engine = RECOGNISERS[request.param]()
        engine.warm()
        yield engine
        return
    decoder = proof_decoder(true_length=True)
    decoder.warm()
    with served(decoder) as address:
        far = ServedDecoder(address=address, timeout_s=60)
        far.warm()
        yield DecodedRecogniser(far, caption_every_ms=400.0)
        far.close()


@pytest.fixture(scope="module", params=sorted(RESPONDERS))
def responder(request: pytest.FixtureRequest) -> Iterator[Responder]:
    engine = RESPONDERS[request.param]()
    engine.warm()
    yield engine
    if isinstance(engine, RemoteResponder):
        engine.mind.close()


@pytest.fixture(scope="module", params=sorted(SYNTHESISERS))
def synthesiser(request: pytest.FixtureRequest) -> Synthesiser:
    engine = SYNTHESISERS[request.param]()
    engine.warm()
    return engine


@pytest.fixture(scope="module")
def sentences(recogniser: Recogniser) -> dict[str, str]:
    """What is said to this recogniser for the two sentences."""
    return KNOWN_SENTENCES if recogniser.info.name == "whisper" else {text: text for text in (SENTENCE, OTHER)}


@pytest.fixture(scope="module")
def spoken(sentences: dict[str, str]) -> dict[str, Pcm]:
    """The two sentences as 16 kHz speech."""
    engine = EspeakSynthesiser()
    return {role: for_recogniser(say(engine, text)) for role, text in sentences.items()}


@pytest.fixture
def stream(recogniser: Recogniser) -> Iterator[RecogniserStream]:
    opened = recogniser.open(StreamSpec(stream_id="one"))
    yield opened
    opened.close()


def say(engine: Synthesiser, text: str, *, voice: Voice | None = None) -> list[SpeechChunk]:
    return list(engine.speak(SpeakRequest(id="clause", text=text, voice=voice or Voice())))


def audio_of(chunks: Sequence[SpeechChunk]) -> Pcm:
    return np.concatenate([chunk.samples for chunk in chunks])


def words_of(chunks: Sequence[SpeechChunk]) -> list[Word]:
    return [word for chunk in chunks for word in chunk.words]


def for_recogniser(chunks: Sequence[SpeechChunk]) -> Pcm:
    padded = np.concatenate([silence(300, WIRE_HZ), audio_of(chunks), silence(300, WIRE_HZ)])
    return resample_whole(padded, from_hz=WIRE_HZ, to_hz=ANALYSIS_HZ)


def loudness(audio: Pcm) -> list[float]:
    """Return the root mean square of each 20 ms."""
    return [float(np.sqrt(np.mean(audio[at : at + 480].astype(np.float64) ** 2))) for at in range(0, len(audio), 480)]


def feed(stream: RecogniserStream, audio: Pcm, *, step: int = 320) -> list[Hypothesis]:
    partials = [stream.feed(audio[start : start + step]) for start in range(0, len(audio), step)]
    return [partial for partial in partials if partial is not None]


def assert_sane_words(words: Sequence[Word], *, length_ms: float) -> None:
    for word in words:
        assert word.text
        assert 0 <= word.start_ms <= word.end_ms <= length_ms + 1
        assert word.confidence is None or 0.0 <= word.confidence <= 1.0  # NaN would fail both
    for before, after in itertools.pairwise(words):
        assert before.start_ms < after.start_ms
        assert before.end_ms <= after.start_ms


# ---------------------------------------------------------------- every engine


def test_info_is_sane(recogniser: Recogniser, responder: Responder, synthesiser: Synthesiser) -> None:
    for engine, kind in ((recogniser, "recogniser"), (responder, "responder"), (synthesiser, "synthesiser")):
        assert engine.info.kind == kind
        assert engine.info.name
        assert engine.info.isolation in ("thread", "process")
        assert pickle.loads(pickle.dumps(engine.info)) == engine.info


def test_engines_satisfy_their_protocols(
    recogniser: Recogniser, responder: Responder, synthesiser: Synthesiser
) -> None:
    assert isinstance(recogniser, Recogniser)
    assert isinstance(responder, Responder)
    assert isinstance(synthesiser, Synthesiser)


def test_warming_twice_is_harmless(recogniser: Recogniser, responder: Responder, synthesiser: Synthesiser) -> None:
    for engine in (recogniser, responder, synthesiser):
        engine.warm()
        engine.warm()


# ---------------------------------------------------------------- recognisers


def test_digital_silence_is_no_text(stream: RecogniserStream) -> None:
    assert feed(stream, silence(1500, ANALYSIS_HZ)) == []
    final = stream.finish()
    assert (final.text, final.words, final.final) == ("", (), True)


def test_finishing_without_sound_is_no_text(stream: RecogniserStream) -> None:
    assert stream.finish().text == ""
    stream.feed(np.zeros(0, dtype=np.int16))
    assert stream.finish().text == ""


def test_speech_becomes_words_inside_the_segment(stream: RecogniserStream, spoken: dict[str, Pcm]) -> None:
    audio = spoken[SENTENCE]
    partials = feed(stream, audio)
    final = stream.finish()
    assert final.final
    assert final.text == " ".join(word.text for word in final.words)
    assert len(final.words) >= 4
    assert final.stable_words == len(final.words)
    assert_sane_words(final.words, length_ms=1000 * len(audio) / ANALYSIS_HZ)
    assert partials
    assert not any(partial.final for partial in partials)
    assert pickle.loads(pickle.dumps(final)) == final


def test_stable_words_do_not_change_while_speech_goes_on(stream: RecogniserStream, spoken: dict[str, Pcm]) -> None:
    committed: list[str] = []
    for partial in feed(stream, np.concatenate([spoken[SENTENCE], spoken[OTHER]])):
        words = partial.text.split()
        assert len(partial.words) == len(words) >= partial.stable_words >= len(committed)
        assert words[: len(committed)] == committed
        committed = words[: partial.stable_words]
    assert committed
    stream.finish()


def test_how_sound_is_cut_into_chunks_does_not_matter(recogniser: Recogniser, spoken: dict[str, Pcm]) -> None:
    audio = np.concatenate([spoken[SENTENCE], silence(10_000, ANALYSIS_HZ)])[: 10 * ANALYSIS_HZ]
    texts = []
    for step in (1111, len(audio)):
        stream = recogniser.open(StreamSpec(stream_id="one"))
        for single in range(5):
            stream.feed(audio[single : single + 1])
        feed(stream, audio[5:], step=step)
        texts.append(stream.finish().text)
        stream.close()
    assert texts[0]
    assert texts == [texts[0]] * 2


def test_an_abandoned_segment_leaves_nothing(recogniser: Recogniser, spoken: dict[str, Pcm]) -> None:
    texts = []
    for abandoned in (False, True):
        stream = recogniser.open(StreamSpec(stream_id="one"))
        if abandoned:
            feed(stream, spoken[OTHER])
            stream.reset()
            assert stream.finish().text == ""
        feed(stream, spoken[SENTENCE])
        texts.append(stream.finish().text)
        stream.close()
    assert texts[0]
    assert texts[0] == texts[1]


def test_interleaved_streams_do_not_mix(recogniser: Recogniser, spoken: dict[str, Pcm]) -> None:
    alone = []
    for text in (SENTENCE, OTHER):
        stream = recogniser.open(StreamSpec(stream_id=text))
        feed(stream, spoken[text])
        alone.append(stream.finish().text)
        stream.close()
    streams = [recogniser.open(StreamSpec(stream_id=text)) for text in (SENTENCE, OTHER)]
    longest = max(len(audio) for audio in spoken.values())
    for start in range(0, longest, 320):
        for stream, text in zip(streams, (SENTENCE, OTHER), strict=True):
            stream.feed(spoken[text][start : start + 320])
    together = [stream.finish().text for stream in streams]
    for stream in streams:
        stream.close()
    assert together == alone
    assert together[0] != together[1]


def test_a_recogniser_that_is_no_demonstration_understands_word_for_word(
    recogniser: Recogniser, sentences: dict[str, str], spoken: dict[str, Pcm]
) -> None:
    stream = recogniser.open(StreamSpec(stream_id="one"))
    for role, text in sentences.items():
        feed(stream, spoken[role])
        peeked, final = stream.interim(), stream.finish()
        if not recogniser.info.demonstration:
            assert peeked.text == final.text
            assert normalise(final.text) == normalise(text)
    stream.close()


def test_a_speaker_can_come_back(recogniser: Recogniser, spoken: dict[str, Pcm]) -> None:
    stream = recogniser.open(StreamSpec(stream_id="one"))
    feed(stream, spoken[SENTENCE])
    stream.finish()
    state = stream.close()
    again = recogniser.open(StreamSpec(stream_id="two", vocabulary=("Okonkwo",), speaker_state=state))
    feed(again, spoken[OTHER])
    assert again.finish().text
    again.close()


# ---------------------------------------------------------------- responders


def a_card() -> Card:
    cues = [
        Cue(id=name, topic=name.title(), kind="asked", triggers=(name,), says=(f"About {name}, not much.",))
        for name in ("pain", "sleep", "home")
    ]
    return Card(
        id="contract",
        version=1,
        title="Contract",
        profession="nursing",
        setting="A ward",
        candidate=CandidateSide(role="You are a nurse.", background="A patient.", tasks=("Ask.", "Tell.", "Close.")),
        patient=PatientSide(name="Ann Lee", age=44, sex="female", mood="calm", history="None.", persona="Plain."),
        cues=tuple(cues),
        lines=Lines(
            greeting=("Hello.",),
            acknowledge=("I see.", "All right."),
            closing=("Thank you, goodbye.",),
            say_again=("Could you say that again?",),
            silence=("Are you there?",),
            not_on_card=("I don't know.", "I couldn't say."),
        ),
    )


@pytest.mark.parametrize("kind", list(RespondKind))
@pytest.mark.parametrize("text", ["where is the pain", ""])
def test_a_reply_is_clauses_and_one_end(responder: Responder, kind: RespondKind, text: str) -> None:
    release = Release(Act.STATEMENT, "It hurts here. It began last week.")
    request = RespondRequest("r", 1, 0, kind, persona_of(a_card()), release, text)
    assert pickle.loads(pickle.dumps(request)) == request
    parts = list(responder.respond(request))
    *before, end = parts
    assert isinstance(end, ReplyEnd)
    clauses = [part for part in before if not isinstance(part, RemoteUse)]
    assert clauses
    assert all(isinstance(clause, Clause) and clause.text.strip() for clause in clauses)
    assert pickle.loads(pickle.dumps(parts)) == parts
    assert [part for part in responder.respond(request) if not isinstance(part, RemoteUse)] == [*clauses, end]


def test_a_reply_that_is_free_may_tell_how_it_was_made_before_its_end(responder: Responder) -> None:
    release = Release(Act.EMPATHY, "Thank you. That is kind.", free=True)
    request = RespondRequest("r", 1, 0, RespondKind.REPLY, persona_of(a_card()), release, "I am sorry to hear that.")
    *parts, end = responder.respond(request)
    clauses = [part for part in parts if isinstance(part, Clause)]
    assert isinstance(end, ReplyEnd)
    assert clauses
    assert all(clause.text.strip() for clause in clauses)
    assert all(isinstance(part, ModelUse | RemoteUse) for part in parts if part not in clauses)
    assert pickle.loads(pickle.dumps(parts)) == parts
    assert [part for part in responder.respond(request) if isinstance(part, Clause)] == clauses


# ---------------------------------------------------------------- synthesisers


@pytest.mark.parametrize("sex", ["female", "male"])
def test_speech_is_audible_and_its_words_are_all_there(synthesiser: Synthesiser, sex: str) -> None:
    voice = Voice(sex="male", age=70) if sex == "male" else Voice(sex="female")
    chunks = say(synthesiser, SENTENCE, voice=voice)
    audio = audio_of(chunks)
    assert audio.dtype == np.int16
    assert audio.ndim == 1
    length_ms = 1000 * len(audio) / WIRE_HZ
    assert 1000 < length_ms < 6000
    assert np.sqrt(np.mean(audio.astype(np.float64) ** 2)) > 500
    words = words_of(chunks)
    assert [word.text for word in words] == SENTENCE.split()
    assert_sane_words(words, length_ms=length_ms)


def test_words_come_with_the_chunk_they_start_in(synthesiser: Synthesiser) -> None:
    begin = 0
    for chunk in say(synthesiser, SENTENCE):
        end = begin + len(chunk.samples)
        for word in chunk.words:
            assert begin <= samples_for(word.start_ms, WIRE_HZ) + 24 <= end + 24
        begin = end


def test_speech_begins_at_once(synthesiser: Synthesiser) -> None:
    audio = audio_of(say(synthesiser, SENTENCE))
    assert np.abs(audio[: samples_for(60, WIRE_HZ)]).max() > 300


@pytest.mark.parametrize("text", ["...", "-", "", "  ", "\x00", "?!", "中"])
def test_text_without_words_is_no_failure(synthesiser: Synthesiser, text: str) -> None:
    chunks = say(synthesiser, text)
    assert len(audio_of(chunks)) < WIRE_HZ * 2
    assert len(audio_of(say(synthesiser, SENTENCE))) > WIRE_HZ


@pytest.mark.parametrize(
    "text",
    ["-voice slt --help", "He said: <b>2.5 mg</b> & “enough” - it's £10", "one\ntwo\x00three", "$(ls) `id` ;"],
)
def test_odd_text_is_spoken_as_text(synthesiser: Synthesiser, text: str) -> None:
    chunks = say(synthesiser, text)
    assert len(audio_of(chunks)) > 2000
    assert_sane_words(words_of(chunks), length_ms=1000 * len(audio_of(chunks)) / WIRE_HZ)


def assert_same_speech(first: Sequence[SpeechChunk], second: Sequence[SpeechChunk], *, exactly: bool) -> None:
    one, other = audio_of(first), audio_of(second)
    if exactly:
        assert np.array_equal(one, other)
        assert words_of(first) == words_of(second)
    else:
        starts = [[word.start_ms for word in words_of(chunks)] for chunks in (first, second)]
        assert starts[0] == pytest.approx(starts[1], abs=20)
        assert len(one) == pytest.approx(len(other), abs=samples_for(20, WIRE_HZ))
        one, other = one[: len(other)], other[: len(one)]
        assert np.corrcoef([loudness(one), loudness(other)])[0, 1] > 0.95


def test_the_same_request_gives_the_same_speech(synthesiser: Synthesiser) -> None:
    first = say(synthesiser, SENTENCE)
    say(synthesiser, OTHER, voice=Voice(sex="male", age=80, rate_wpm=180))
    assert_same_speech(first, say(synthesiser, SENTENCE), exactly=synthesiser.info.name not in VARYING)


def test_an_abandoned_clause_leaves_the_engine_usable(synthesiser: Synthesiser) -> None:
    expected = say(synthesiser, OTHER)
    parts = synthesiser.speak(SpeakRequest(id="clause", text=SENTENCE, voice=Voice()))
    next(parts)
    assert isinstance(parts, Generator)
    parts.close()
    assert_same_speech(expected, say(synthesiser, OTHER), exactly=synthesiser.info.name not in VARYING)


def test_chunks_can_be_sent_to_another_process(synthesiser: Synthesiser) -> None:
    chunk = say(synthesiser, SENTENCE)[0]
    copy = pickle.loads(pickle.dumps(chunk))
    assert np.array_equal(copy.samples, chunk.samples)
    assert copy.words == chunk.words


# ---------------------------------------------------------------- both ways


@pytest.mark.parametrize("name", [name for name in sorted(SYNTHESISERS) if name != "scripted"])
def test_what_is_spoken_is_understood(name: str) -> None:
    texts = (
        "Please tell me if anything makes it worse.",
        "You can go home as soon as your temperature comes down.",
        "How long have you been feeling like this?",
    )
    recogniser = PocketSphinxRecogniser()
    stream = recogniser.open(StreamSpec(stream_id="loop"))
    engine = SYNTHESISERS[name]()
    voice = Voice(sex="male") if name == "flite" else Voice()
    said = understood = 0
    for text in texts:
        feed(stream, for_recogniser(say(engine, text, voice=voice)))
        heard = normalise(stream.finish().text)
        said += len(normalise(text))
        understood += sum(word in heard for word in normalise(text))
    stream.close()
    assert understood / said > 0.5
