"""Phonemes of neural voices, and which of them belong to which word."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.tts.neural.phonemes import Sounds, sounds_of

VOICE = "en-us"


def by_word(text: str) -> list[tuple[str, str]]:
    sounds = sounds_of(text.split(), voice=VOICE)
    return [(word, sounds.letters[begin:end]) for word, (begin, end) in zip(text.split(), sounds.spans, strict=True)]


def test_words_that_flow_together_are_told_apart() -> None:
    assert by_word("I've had it in the house.") == [
        ("I've", "aɪv"),
        ("had", "hˌæd"),
        ("it", "ɪɾ"),
        ("in", "ɪn"),
        ("the", "ðə"),
        ("house.", "hˈaʊs"),
    ]
    assert dict(by_word("I am not sure."))["am"] == "ɐm"


def test_a_word_of_several_words_has_them_all() -> None:
    sounds = sounds_of(["one hundred", "milligrams."], voice=VOICE)
    first, second = (sounds.letters[begin:end] for begin, end in sounds.spans)
    assert first == "wˈʌn hˈʌndɹɪd"
    assert second.startswith("mˈɪl")


def test_marks_shape_the_melody_and_belong_to_no_word() -> None:
    sounds = sounds_of(["Well,", "is", "it", '"bad"?', "No", "—", "stop!"], voice=VOICE)
    assert sounds.letters.count(",") == 2
    assert "bˈæd?" in sounds.letters
    assert sounds.letters.endswith("stˈɑːp!")
    assert sounds.spans[5][0] == sounds.spans[5][1]


@pytest.mark.parametrize("words", [[], [""], ["—"], ["…"], ["\x00"], ["💊"]])
def test_what_can_not_be_said_has_no_sound(words: list[str]) -> None:
    sounds = sounds_of(words, voice=VOICE)
    assert all(begin <= end for begin, end in sounds.spans)
    assert len(sounds.spans) == len(words)


@given(st.lists(st.text(max_size=12), max_size=12))
@settings(max_examples=60, deadline=None)
def test_spans_never_go_back_and_stay_inside(words: list[str]) -> None:
    sounds: Sounds = sounds_of(words, voice=VOICE)
    assert len(sounds.spans) == len(words)
    position = 0
    for begin, end in sounds.spans:
        assert position <= begin <= end <= len(sounds.letters)
        position = begin
