"""Guards against invented text: nothing gets through where nobody speaks, and short answers do where somebody does."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from audio.frames import ANALYSIS_HZ, WIRE_HZ, Pcm, samples_for, silence
from audio.resample import resample_whole
from audio.vad import Vad, make_vad
from pipelines.engines import Rejection, SpeakRequest, Synthesiser, Voice
from pipelines.stt.guards import GuardedText, first_repeat, is_loop, rejection, voice_missing
from pipelines.tts import flite
from pipelines.tts.espeak import EspeakSynthesiser
from pipelines.tts.flite import FliteSynthesiser
from tests.fakes.noises import nobody

SURE, UNSURE = (0.02, -0.2), (0.5, -0.8)  # no speech, log probability
ANSWERS = ("Yes.", "No.", "Thank you.", "Okay.")
PHANTOMS = (
    "Thank you for watching!",
    "Thanks for watching.",
    "Thank you so much for watching!",
    "Please subscribe to my channel.",
    "Please like and subscribe to our channel!",
    "Don't forget to subscribe and hit the bell.",
    "Subtitles by the Amara.org community",
    "Transcription by CastingWords",
    "Translated by Releska",
    "I'll see you in the next video.",
    "[Music]",
    "(applause)",
    "*laughter*",
    "[BLANK_AUDIO]",
    "Copyright 2021 all rights reserved",
    "To be continued...",
    "The End",
    "...",
    "♪ ♪",
)


@pytest.fixture(scope="module")
def vad() -> Vad:
    return make_vad("silero").vad


@pytest.fixture(scope="module")
def minute() -> dict[str, Pcm]:
    return nobody(60_000)


def say(synthesiser: Synthesiser, text: str, *, sex: str = "female") -> Pcm:
    voice = Voice(sex="male" if sex == "male" else "female")
    wire = np.concatenate([chunk.samples for chunk in synthesiser.speak(SpeakRequest("", text, voice))])
    return resample_whole(wire, from_hz=WIRE_HZ, to_hz=ANALYSIS_HZ)


def synthesisers() -> list[Synthesiser]:
    return [EspeakSynthesiser(), *([FliteSynthesiser()] if flite.available() else [])]


def why(text: str, audio: Pcm, *, sure: tuple[float, float] = SURE) -> str | None:
    found = rejection(GuardedText(text, *sure), audio)
    assert found is None or found.text == text
    return found.reason if found is not None else None


def noise(ms: float, level: float = 1_000.0) -> Pcm:
    return (np.random.default_rng(1).standard_normal(samples_for(ms, ANALYSIS_HZ)) * level).astype(np.int16)


# ------------------------------------------------------------------ where nobody speaks


@pytest.mark.parametrize("name", sorted(nobody(100)))
def test_no_voice_is_found_in_a_minute_in_which_nobody_speaks(vad: Vad, minute: dict[str, Pcm], name: str) -> None:
    audio = minute[name]
    for start in range(0, len(audio), 28 * ANALYSIS_HZ):
        piece = audio[start : start + 28 * ANALYSIS_HZ]
        found = voice_missing(piece, vad)
        assert found == Rejection("silent" if name == "silence" else "no_voice", "")


@pytest.mark.parametrize("text", PHANTOMS)
def test_what_is_never_said_is_kept_back_however_sure_the_decoder_is(text: str) -> None:
    assert why(text, noise(3_000), sure=(0.0, -0.05)) == "phantom"


@pytest.mark.parametrize("text", [*ANSWERS, "you", "Bye.", "I'm sorry.", "See you next time.", "Visit www.fema.gov"])
def test_what_is_said_and_invented_alike_is_kept_back_when_doubted(text: str) -> None:
    audio = noise(2_000)
    assert why(text, audio) is None
    assert why(text, audio, sure=(0.5, -0.2)) == "phantom"
    assert why(text, audio, sure=(0.02, -0.7)) is None  # a word alone is never sure
    assert why(text, audio, sure=(0.02, -0.9)) == "phantom"


def test_a_decoder_that_says_that_nobody_speaks_and_is_unsure_is_believed() -> None:
    text = "the patient should take it in the morning"
    assert why(text, noise(3_000), sure=(0.7, -1.2)) == "no_speech"
    assert why(text, noise(3_000), sure=(0.7, -0.4)) is None
    assert why(text, noise(3_000), sure=(0.1, -1.2)) is None


def test_more_words_than_can_be_said_are_kept_back() -> None:
    text = "Take two tablets every morning with a glass of water please"
    assert why(text, np.concatenate([silence(2_000, ANALYSIS_HZ), noise(500)])) == "too_fast"
    assert why(text, np.concatenate([silence(2_000, ANALYSIS_HZ), noise(1_500)])) is None
    assert why("I see, yes.", silence(1_000, ANALYSIS_HZ)) is None
    assert why("I see, oh yes.", silence(1_000, ANALYSIS_HZ)) == "too_fast"
    assert why("I see, oh yes.", np.zeros(0, dtype=np.int16)) == "too_fast"


@pytest.mark.parametrize(
    "text",
    [
        "you " * 6,
        "thank you " * 4,
        "I don't know. " * 3,
        "Okay. So. " * 12,
        "take one tablet in the morning and one at night " * 3,
        "and the other one is the one and the other one was the one or the other one is the one " * 3,
    ],
)
def test_a_decoder_that_goes_round_in_circles_is_noticed(text: str) -> None:
    assert why(text, noise(28_000)) == "repeats"


def test_where_a_loop_begins_its_second_round() -> None:
    assert first_repeat("well I see I see I see I see now".split()) == 3
    assert first_repeat("well I see I see I see".split()) is None, "said three times by somebody"
    assert first_repeat(("come back in two weeks or so then " * 3).split()) == 8
    assert first_repeat([]) is None
    assert not is_loop([])


def test_no_text_is_no_invention() -> None:
    assert why("", noise(1_000)) is None
    assert why("  ", noise(1_000)) is None


# ------------------------------------------------------------------ where somebody does


@pytest.mark.parametrize("text", ANSWERS)
def test_short_answers_with_speech_under_them_get_through(vad: Vad, text: str) -> None:
    for synthesiser, sex in itertools.product(synthesisers(), ("female", "male")):
        spoken = say(synthesiser, text, sex=sex)
        for quieter in (1, 8):
            for before_ms in (0, 1_700, 12_000):
                audio = np.concatenate([silence(before_ms, ANALYSIS_HZ), spoken // quieter, silence(400, ANALYSIS_HZ)])
                assert voice_missing(audio, vad) is None, (synthesiser.info.name, sex, quieter, before_ms)
                assert why(text, audio) is None


def test_a_slammed_door_does_not_hide_who_speaks(vad: Vad) -> None:
    """The loudest moment is no voice, and all the rest is 30 dB below it."""
    text = "How long have you been feeling like this?"
    spoken = say(EspeakSynthesiser(), text)
    spoken = (spoken * (1_500 / np.abs(spoken).max())).astype(np.int16)
    for audio in (
        np.concatenate([nobody(2_000)["slams"], silence(1_000, ANALYSIS_HZ), spoken]),
        np.concatenate([spoken, silence(7_000, ANALYSIS_HZ), nobody(2_000)["slams"]]),
    ):
        assert voice_missing(audio, vad) is None
        assert why(text, audio) is None


@pytest.mark.parametrize("extra", range(-170, 340, 17))
def test_any_length_is_asked_for_a_voice(vad: Vad, extra: int) -> None:
    assert voice_missing(noise(2_000)[: 32_000 + extra], vad) == Rejection("no_voice", "")
    longer = np.concatenate([noise(2_000), noise(100)])[: 32_000 + extra]
    assert voice_missing(longer, vad) == Rejection("no_voice", "")


def test_hardly_any_sound_is_none(vad: Vad) -> None:
    for samples in (0, 1, 159, 160, 511):
        assert voice_missing(noise(100)[:samples], vad) is not None


@pytest.mark.parametrize(
    "text",
    [
        "no no no no",
        "No, no, no, no.",
        "Yes, yes, yes, yes, yes.",
        "Okay, okay, okay. I see, I see.",
        "Bye bye, bye bye.",
        "Um, um, um, so, um, how long have you had this?",
        "Please don't forget to ring the bell when you need us.",
        "I'll see you next time.",
        "You can read more about it on www.nhs.uk, there is a page on this.",
        "Would you like a translator? Translation is free.",
        "Do you listen to music at the end of the day?",
        "It's in the ear, a beep or a ding?",
        "Thank you for telling me.",
    ],
)
def test_what_is_really_said_gets_through(text: str) -> None:
    assert why(text, noise(6_000)) is None


@pytest.mark.parametrize(
    "text",
    [
        "I would like you to take two of these tablets every morning with a glass of water.",
        "If the pain gets worse or if you have a temperature then please call the ward at once and ask for the nurse "
        "on duty, who will tell you what you need to do next.",
    ],
)
def test_a_sentence_may_be_said_twice(text: str) -> None:
    assert why(f"{text} {text}", noise(28_000)) is None
    assert why(f"Pardon? {text} I said: {text}", noise(28_000)) is None
    assert why(f"{text} {text} {text}", noise(28_000)) == "repeats"


def test_half_a_minute_of_um_has_a_voice_and_is_told_once(vad: Vad) -> None:
    um = np.concatenate([say(EspeakSynthesiser(), "um"), silence(700, ANALYSIS_HZ)])
    audio = np.tile(um, 28 * ANALYSIS_HZ // len(um) + 1)[: 28 * ANALYSIS_HZ]
    assert voice_missing(audio, vad) is None
    assert why("Um, um, um, um, um.", audio) is None
    text = "Um, " * 20 + "um."
    assert why(text, audio) == "repeats"
    assert first_repeat(["um"] * 21) == 1, "what is kept of it"
