from __future__ import annotations

import threading
from itertools import pairwise

import pytest

from audio.frames import WIRE_HZ
from common.errors import EngineError
from pipelines.engines import SpeakRequest, Voice
from pipelines.tts import espeak_binding
from pipelines.tts.espeak import EspeakSynthesiser, rate_for, voice_for

TEXTS = (
    "My chest has been feeling quite tight since yesterday, especially when I climb the stairs.",
    "I have been taking the tablets you gave me, but I am not sure they are helping.",
    "Well, I'm a bit worried about going home, to be honest.",
    "Nobody told me anything about that.",
    "It started about three weeks ago, after I came back from holiday.",
)
TEXT = "I have been taking the tablets you gave me, but I am not sure they are helping."


def length_s(text: str, voice: Voice) -> float:
    chunks = EspeakSynthesiser().speak(SpeakRequest(id="c", text=text, voice=voice))
    return sum(len(chunk.samples) for chunk in chunks) / WIRE_HZ


@pytest.mark.parametrize("rate_wpm", [90, 110, 130, 160, 200])
@pytest.mark.parametrize("sex", ["female", "male"])
def test_the_rate_is_in_real_words_per_minute(sex: str, rate_wpm: int) -> None:
    voice = Voice(sex="male", rate_wpm=rate_wpm) if sex == "male" else Voice(sex="female", rate_wpm=rate_wpm)
    words = sum(len(text.split()) for text in TEXTS)
    measured_wpm = words * 60 / sum(length_s(text, voice) for text in TEXTS)
    assert measured_wpm == pytest.approx(rate_wpm, rel=0.08)


def test_slow_rates_use_gaps_between_words() -> None:
    assert rate_for(130)[1] == 0
    assert rate_for(80) == (espeak_binding.MIN_RATE, 4)


def test_every_accent_of_a_card_has_a_voice() -> None:
    for accent in ("en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp"):
        for age in (30, 75):
            name, pitch = voice_for(Voice(sex="male", age=age, accent=accent))
            made = espeak_binding.instance().synthesise("hello", voice=name, rate=150, pitch=pitch)
            assert len(made.samples) > 1000


def test_older_and_younger_women_and_men_differ() -> None:
    voices = {voice_for(Voice("male", 30)), voice_for(Voice("male", 75)), voice_for(Voice("female", 30))}
    assert len(voices | {voice_for(Voice("female", 75))}) == 4


def test_word_times_are_of_the_written_words() -> None:
    text = "I took 100mcg at 8:30, on 12 May 2024, and it was 120/80 mmHg."
    chunks = list(EspeakSynthesiser().speak(SpeakRequest(id="c", text=text, voice=Voice())))
    words = [word for chunk in chunks for word in chunk.words]
    assert [word.text for word in words] == text.split()
    lengths_ms = {word.text: word.end_ms - word.start_ms for word in words}
    assert min(lengths_ms.values()) > 40
    # A figure takes the time of all the words that say it.
    assert lengths_ms["100mcg"] > 3 * lengths_ms["took"]
    assert all(before.end_ms <= after.start_ms for before, after in pairwise(words))


def test_an_unknown_accent_is_refused() -> None:
    with pytest.raises(EngineError, match="accent"):
        voice_for(Voice(accent="en-au"))


def test_a_voice_the_library_lacks_is_an_error_not_the_voice_before() -> None:
    with pytest.raises(EngineError, match="en-gb"):
        espeak_binding.instance().synthesise("hello", voice="en-gb", rate=150, pitch=50)


def test_there_is_one_library_for_all_threads() -> None:
    lengths: list[int] = []

    def speak() -> None:
        for _ in range(5):
            made = espeak_binding.instance().synthesise(TEXT, voice="en-us", rate=150, pitch=50)
            lengths.append(len(made.samples))

    threads = [threading.Thread(target=speak) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lengths) == 20
    assert max(lengths) - min(lengths) < 0.02 * min(lengths)


def test_word_events_are_where_the_words_are() -> None:
    text = "One, “two” three."
    made = espeak_binding.instance().synthesise(text, voice="en-us", rate=150, pitch=50)
    assert [text[event.offset :].split()[0][0].lower() for event in made.events] == ["o", "t", "t"]
    assert [event.sample for event in made.events] == sorted(event.sample for event in made.events)
