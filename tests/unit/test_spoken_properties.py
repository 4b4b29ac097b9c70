"""What holds for every text, however odd."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.tts.spoken.say import joined, say
from pipelines.tts.spoken.unreadable import unreadable
from pipelines.tts.word_times import tokens

# No sign has a longer reading than "a degree Celsius" or "three quarters of a", whatever stands around it.
LONGEST_READING = 40

FIGURES = st.text(alphabet="0123456789.,/-:%£$x°+<>=@#&() mglMLhcusAIVabd'½–—\n", max_size=40)
PHRASES = st.lists(
    st.sampled_from(
        "5 mg 1/2 tablet b.d. 120/80 8.30 pm May 12th 2024 No. 30/500 co-codamol A&E type II x2 - % £9.90 0117 496 GPs"
        " 5-10 mmol/L 3/4/25 in the 70s <b> &amp; 37.5 °C Dr. a.m. x 1 1/2 24/7 +44 info@nhs.uk … 😀 привет é".split()
    ),
    max_size=12,
).map(" ".join)
TEXTS = st.one_of(st.text(max_size=60), FIGURES, PHRASES)


@settings(max_examples=400, deadline=None)
@given(TEXTS)
@example("é" * 100)
@example("٣ mg and ① or ❶ x²")
@example("1'é")
@example("½½½ ¾mg 0/0 00:00 1/0")
@example("<" * 50 + "a" + ">" * 50)
def test_every_written_word_is_said_once_in_words(text: str) -> None:
    said = say(text)
    assert tuple(one.word for one in said) == tokens(text)
    assert not any(mark.isdigit() for one in said for mark in one.spoken)
    assert len(joined(said)) <= LONGEST_READING * (len(text) + 1)
    assert joined(said) == " ".join(joined(said).split())
    assert all(mark.isprintable() for mark in joined(said) if mark.isascii())
    unreadable(text)


@settings(max_examples=200, deadline=None)
@given(PHRASES, st.dictionaries(PHRASES, st.sampled_from(["", "oh", "one two", "a b c d"]), max_size=4))
def test_pronunciations_never_lose_a_word(text: str, pronunciations: dict[str, str]) -> None:
    assert tuple(one.word for one in say(text, pronunciations)) == tokens(text)
    unreadable(text, pronunciations)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from("I have been well since then and my chest feels tight".split()), max_size=12))
def test_plain_words_are_said_as_they_are_written(words: list[str]) -> None:
    text = " ".join(words)
    assert joined(say(text)) == text
    assert unreadable(text) == ()


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 10**9), st.sampled_from(["{}", "{:,}", "{}.5 mg", "£{}", "{} tablets", "{}-year-old"]))
def test_numbers_are_said_without_digits(number: int, form: str) -> None:
    spoken = joined(say(form.format(number)))
    assert spoken
    assert not any(mark.isdigit() for mark in spoken)


def least_s(text: str) -> float:
    """Return the processor's time of one reading, so that other work on the machine is not counted."""
    say("1")
    taken_s = []
    for _ in range(3):
        begun_s = time.process_time()
        say(text)
        taken_s.append(time.process_time() - begun_s)
    return min(taken_s)


@pytest.mark.parametrize(
    "text",
    [
        "I have been taking the tablets you gave me, but I am not sure they are helping. ",
        "I take 5 mg b.d. and my pressure was 120/80 on 12 May, twice a day. ",
        "9",
    ],
    ids=lambda text: text[:10],
)
def test_ten_thousand_characters_take_less_than_a_tenth_of_a_second(text: str) -> None:
    assert least_s((text * 10_000)[:10_000]) < 0.1


@pytest.mark.parametrize("text", ["1 ", "1-", "<a", "+1", "a.", "0117 ", "1/2 ", "(", "a\u00e9", "1,", "A&"])
def test_no_text_takes_more_than_its_length(text: str) -> None:
    # A slow machine is allowed for: what grows with the square of the length takes seconds.
    assert least_s((text * 10_000)[:10_000]) < 0.3
