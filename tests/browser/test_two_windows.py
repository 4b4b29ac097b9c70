"""Candidate and examiner in two windows, with a real Whisper: words, cues, sound and notes come across in time."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from tests.bench.two_windows import TwoWindows, hold_in_two_windows
from tests.browser.machine import Share
from tests.browser.role_plays import TURNS
from tests.nightly import by_night

pytestmark = [pytest.mark.browser, by_night]

# What a machine that does nothing else keeps; where another program has the processors it says nothing of the product.
WORDS_LATER_MS = 500
CUES_LATER_MS = 500
SOUND_LATER_MS = 500
NOTE_OFF_MS = 1_000


@pytest.fixture(scope="module")
def held(
    playwright: Playwright, real_whisper: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[TwoWindows, bool]:
    """Return what both windows saw of a role-play, and whether the machine had time for it."""
    share = Share()
    seen = hold_in_two_windows(playwright, tmp_path_factory.mktemp("two"), (f"models.path={real_whisper.parent}",))
    sys.stdout.write(
        f"later, ms: words {seen.words_later_ms()}, cues {seen.cues_later_ms()}, sound {seen.sound_later_ms()}; "
        f"notes off by {seen.notes_off_ms()}\n"
    )
    return seen, share.had


def test_the_examiner_reads_each_turn_as_the_candidate_does(held: tuple[TwoWindows, bool]) -> None:
    seen, had_time = held
    later_ms = [each for each in seen.words_later_ms() if each is not None]
    assert len(later_ms) == len(seen.turns) >= len(TURNS)
    assert not had_time or max(later_ms) <= WORDS_LATER_MS


def test_each_cue_that_was_told_lights_up(held: tuple[TwoWindows, bool]) -> None:
    seen, had_time = held
    later_ms = [each for each in seen.cues_later_ms() if each is not None]
    assert len(later_ms) == len(seen.cues) >= 1
    assert not had_time or max(later_ms) <= CUES_LATER_MS
    # It was announced before it was told.
    topics = {topic for topic, _ in seen.cues}
    assert topics <= {cue["topic"] for cue in seen.desk["cues"] if cue["state"] == "next"}


def test_the_candidates_voice_is_heard_at_the_desk(held: tuple[TwoWindows, bool]) -> None:
    seen, had_time = held
    later_ms = seen.sound_later_ms()
    assert len(later_ms) >= len(TURNS)
    # One that stood still may play a turn so late that it can't be told from the next.
    assert any(each is not None for each in later_ms)
    assert not had_time or all(each is not None and each <= SOUND_LATER_MS for each in later_ms)


def test_notes_are_at_the_right_second(held: tuple[TwoWindows, bool]) -> None:
    seen, had_time = held
    assert [each.kind for each in seen.written] == ["bookmark", "note"]
    assert {note["kind"] for note in seen.notes} == {"bookmark", "note"}
    assert not had_time or max(abs(each) for each in seen.notes_off_ms()) <= NOTE_OFF_MS
