"""What is taken out of a candidate's words before they leave, and what is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.responders.remote.scrub import Scrubber, words_to_keep

KEEP = words_to_keep(["Margaret Hollis", "A ward of St Mary's Hospital.", "I'm Margaret. My son Peter brought me."])
LINES = json.loads((Path(__file__).parents[1] / "data" / "personal_data.json").read_text(encoding="utf-8"))


def scrubbed(text: str) -> str:
    return Scrubber(KEEP)(text)


@pytest.mark.parametrize("line", LINES["private"], ids=lambda line: line["text"][:40])
def test_personal_data_is_taken_out(line: dict[str, str]) -> None:
    text = scrubbed(line["text"])
    for private in line["hides"].split("|"):
        assert private.lower() not in text.lower()


@pytest.mark.parametrize("text", LINES["plain"])
def test_what_a_role_play_is_about_stays(text: str) -> None:
    assert scrubbed(text) == text


def test_most_of_what_the_rules_were_not_written_with_is_taken_out_too() -> None:
    hidden = [
        all(private.lower() not in scrubbed(line["text"]).lower() for private in line["hides"].split("|"))
        for line in LINES["held_out_private"]
    ]
    assert sum(hidden) >= 18
    assert [text for text in LINES["held_out_plain"] if scrubbed(text) != text] == []


def test_a_name_that_was_told_is_taken_out_wherever_it_stands() -> None:
    scrub = Scrubber(KEEP)
    assert scrub("My name is Sarah Jones.") == "My name is [name]."
    assert scrub("You can always ask for sarah.") == "You can always ask for [name]."
    assert scrub.found == 2


@given(st.text(max_size=200))
def test_no_text_breaks_it(text: str) -> None:
    once = scrubbed(text)
    assert scrubbed(once) == once or "[" in once
