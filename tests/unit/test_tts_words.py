from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from audio.frames import WIRE_HZ, samples_for, silence
from pipelines.engines import Word
from pipelines.tts.word_times import chunks, fill_starts, place, tokens


def test_pieces_without_letters_belong_to_the_next_word() -> None:
    assert [word.text for word in tokens("fine - I think & so !")] == ["fine", "- I", "think", "& so !"]
    assert tokens("... -") == ()


@given(st.text(alphabet="ab1 .,-&\n", max_size=60))
def test_words_join_to_the_text(text: str) -> None:
    words = tokens(text)
    if words:
        assert " ".join(" ".join(word.text for word in words).split()) == " ".join(text.split())
    for word in words:
        assert text[word.start : word.end] == word.text


def test_unknown_starts_are_spread_between_their_neighbours() -> None:
    assert fill_starts([0, None, None, 300], total=400) == [0, 100, 200, 300]
    assert fill_starts([None, None, 100], total=400) == [0, 50, 100]
    assert fill_starts([0, None], total=400) == [0, 200]
    assert fill_starts([None, None], total=400) == [0, 200]
    assert fill_starts([], total=400) == []


@given(st.lists(st.none() | st.integers(0, 1200), max_size=12))
def test_starts_never_go_back_or_past_the_end(starts: list[int | None]) -> None:
    filled = fill_starts(starts, total=1000)
    assert len(filled) == len(starts)
    assert filled == sorted(filled)
    assert all(0 <= start <= 1000 for start in filled)


def test_a_word_ends_where_its_sound_does() -> None:
    loud = np.full(samples_for(200, WIRE_HZ), 8000, dtype=np.int16)
    audio = np.concatenate([loud, silence(300, WIRE_HZ), loud])
    placed = place(tokens("one two"), [0, samples_for(500, WIRE_HZ)], audio)
    assert placed == (Word("one", 0, 200), Word("two", 500, 700))


def test_chunks_are_the_whole_sound_and_every_word_once() -> None:
    audio = np.arange(samples_for(450, WIRE_HZ), dtype=np.int16)
    words = (Word("one", 0, 190), Word("two", 200, 300), Word("three", 450, 450))
    made = list(chunks(audio, words))
    assert np.array_equal(np.concatenate([chunk.samples for chunk in made]), audio)
    assert [[word.text for word in chunk.words] for chunk in made] == [["one"], ["two"], ["three"]]


def test_no_sound_is_one_empty_chunk() -> None:
    (chunk,) = chunks(np.zeros(0, dtype=np.int16), ())
    assert len(chunk.samples) == 0
