"""Digits as the words that say them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.endpointing.numerals import spelled_out


@pytest.mark.parametrize(
    ("digits", "words"),
    [
        ("804", "eight hundred and four"),
        ("0791", "zero seven nine one"),
        ("140/90", "one hundred and forty over ninety"),
        ("38.5", "thirty eight point five"),
        ("5mg", "five mg"),
        ("1984", "nineteen eighty four"),
        ("2005", "twenty zero five"),
        ("1900", "nineteen hundred"),
        ("2000", "two thousand"),
        ("12,000", "twelve thousand"),
        ("7946", "seven nine four six"),
        ("123456", "one two three four five six"),
        ("10/05/1984", "ten zero five nineteen eighty four"),
        ("4-6", "four to six"),
        ("90%", "ninety percent"),
        ("1st 2nd 3rd 12th 20th 21st", "first second third twelfth twentieth twenty first"),
        ("sw1a", "sw one a"),
        ("no figure", "no figure"),
    ],
)
def test_digits_are_the_words_that_say_them(digits: str, words: str) -> None:
    assert " ".join(spelled_out(digits).split()) == words


@given(st.text(alphabet="0123456789.,/-:% stndrh\u00b0\u2013", max_size=40))
def test_no_digit_is_left(text: str) -> None:
    assert not any(letter in "0123456789" for letter in spelled_out(text))
