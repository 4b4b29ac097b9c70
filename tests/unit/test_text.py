"""Half surrogates have no place in UTF-8: what they become, and that nothing else changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.text import is_well_formed, well_formed


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("\ud800", "\ufffd"),
        ("\udfff!", "\ufffd!"),
        ("a\ud83db", "a\ufffdb"),
        ("\ude00\ud83d", "\ufffd\ufffd"),  # the wrong way round
        ("\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        ("\ud83d" + "\ude00", "\U0001f600"),
        ("na\xefve \U0001f600 \ufeff", "na\xefve \U0001f600 \ufeff"),
        ("", ""),
    ],
)
def test_half_a_surrogate_is_replaced_and_two_halves_are_their_character(text: str, becomes: str) -> None:
    assert well_formed(text) == becomes
    assert is_well_formed(text) is (text == becomes)


@given(st.text(st.characters(exclude_categories=())))
def test_whatever_comes_out_can_be_written_and_what_could_be_is_unchanged(text: str) -> None:
    out = well_formed(text)
    assert out.encode().decode() == out
    assert is_well_formed(out)
    if is_well_formed(text):
        assert out == text
