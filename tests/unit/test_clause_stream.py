"""A model's text becomes clauses that can be spoken: whole ones, clean ones, and no more than was asked for."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.responders.language_model.clause_stream import ClauseStream


def spoken(text: str, *, sentences: int = 9, finished: bool = True, said: tuple[str, ...] = ()) -> list[str]:
    """Return the clauses of a text that comes token by token, as tokens do: a word with the blank before it."""
    stream = ClauseStream(most_sentences=sentences, said=said)
    found = [clause for piece in re.findall(r"\s*\S{1,4}|\s+$", text) for clause in stream.feed(piece)]
    return [clause for clause, _ in (*found, *stream.end(finished=finished))]


def test_a_clause_comes_once_it_ends_and_not_before() -> None:
    stream = ClauseStream(most_sentences=3)
    came = [(piece, stream.feed(piece)) for piece in ("I went", " to bed early", ".", " I", " was tired", ".")]
    assert [clauses for _, clauses in came] == [[], [], [], [("I went to bed early.", 300)], [], []]
    assert stream.end(finished=True) == [("I was tired.", 300)]


def test_it_stops_after_so_many_sentences() -> None:
    assert spoken("It was fine. The bus was late. I like buses.", sentences=2) == ["It was fine. The bus was late."]
    assert spoken("The bus was late today. I do like buses. Do you?", sentences=1) == ["The bus was late today."]


def test_a_number_and_a_title_do_not_end_it() -> None:
    assert spoken("I pay about 3.50 for Dr. Smith to park.") == ["I pay about 3.50 for Dr. Smith to park."]


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("**I am** fine, _thank you_.", "I am fine, thank you."),
        ("*sighs* I am a bit tired.", "I am a bit tired."),
        ("(smiling) I am a bit tired.", "I am a bit tired."),
        ("[looks away] I am a bit tired.", "I am a bit tired."),
        ("I am glad 😀🎉 you asked.", "I am glad you asked."),
        ("Patient: I am a bit tired.", "I am a bit tired."),
        ("Susan Clarke: I am a bit tired.", "I am a bit tired."),
        ("# I am a bit tired.", "I am a bit tired."),
        ("1. I am a bit tired.", "I am a bit tired."),
        ('"I am a bit tired."', "I am a bit tired."),
        ("I read https://example.com/a about it.", "I read about it."),
        ("\n\nI am a bit tired.\n\nNurse: Why?", "I am a bit tired."),
        ("I am a <b>bit</b> tired.", "I am a bit tired."),
    ],
)
def test_what_nobody_says_is_left_out(text: str, clean: str) -> None:
    assert " ".join(spoken(text)) == clean


@pytest.mark.parametrize("text", ["", "   ", "\n", "😀", "**", "*sighs*", "...", "(nods)"])
def test_where_nothing_is_left_nothing_is_spoken(text: str) -> None:
    assert spoken(text) == []


def test_a_sentence_is_not_said_twice() -> None:
    stream = ClauseStream(most_sentences=9)
    found = stream.feed("I'm not sure of it. I'm not sure of it. I'm not")
    assert (found, stream.stopped) == ([("I'm not sure of it.", 300)], "repeats")
    assert stream.feed(" sure of it.") == []
    assert spoken("I'm so sorry to hear that. Really.", said=("I'm so sorry to hear that.",)) == []


def test_words_that_come_again_and_again_stop_it() -> None:
    stream = ClauseStream(most_sentences=9)
    pieces = [" and then I went"] * 20
    assert [clause for piece in pieces for clause in stream.feed(piece)] == []
    assert stream.stopped == "repeats"


def test_what_has_no_marks_is_cut() -> None:
    words = " ".join(f"word{number}" for number in range(400))
    clauses = spoken(words)
    assert " ".join(clauses) == words
    assert max(len(clause.split()) for clause in clauses) <= 25


def test_what_was_cut_short_is_not_spoken_unfinished() -> None:
    assert spoken("I went to bed early. And then the", finished=False) == ["I went to bed early."]
    assert spoken("And then the", finished=False) == []


@given(st.text(max_size=300), st.integers(1, 4), st.booleans())
def test_whatever_comes_is_speakable(text: str, sentences: int, finished: bool) -> None:
    stream = ClauseStream(most_sentences=sentences)
    clauses = [clause for start in range(0, len(text), 7) for clause in stream.feed(text[start : start + 7])]
    for clause, pause_ms in (*clauses, *stream.end(finished=finished)):
        assert any(mark.isalnum() for mark in clause)
        assert clause == " ".join(clause.split())
        assert not set(clause) & set("*_`#<>[]()")
        assert pause_ms >= 0
