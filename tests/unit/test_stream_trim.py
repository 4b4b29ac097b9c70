"""A clause that comes in pieces loses the same silence as a whole one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from audio.frames import Pcm
from pipelines.tts.stream_trim import StreamTrim
from pipelines.tts.word_times import trim


def clause(loud: list[bool], tail: int) -> Pcm:
    """Return 24 kHz audio with a tone in the windows of 10 ms that are loud, and a part of a window behind."""
    level = np.repeat(np.array(loud, dtype=float), 240)
    tone = 9000 * np.sin(0.3 * np.arange(len(level))) * level
    return np.concatenate([tone, np.zeros(tail)]).astype(np.int16)


@given(st.lists(st.booleans(), max_size=30), st.integers(0, 239), st.lists(st.integers(0, 900), max_size=20))
def test_pieces_of_any_length_leave_what_the_whole_does(loud: list[bool], tail: int, sizes: list[int]) -> None:
    whole = clause(loud, tail)
    trimmed, parts, begin = StreamTrim(), [], 0
    for size in sizes:
        parts.append(trimmed.process(whole[begin : begin + size]))
        begin += size
    parts.append(trimmed.process(whole[begin:], last=True))
    expected, _ = trim(whole, ())
    assert np.array_equal(np.concatenate(parts), expected)


def test_what_sounds_is_not_held_back_for_more_than_a_window() -> None:
    trimmed = StreamTrim()
    assert len(trimmed.process(clause([True] * 10, 100))) == 9 * 240
