"""What came of whole role-plays by a call and over the WebSocket: understood, shown, heard, measured and kept."""

from __future__ import annotations

import itertools
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from audio.files import read_recording
from audio.frames import WIRE_HZ, to_float
from tests.browser import steps
from tests.browser.role_plays import TURNS, RolePlay, UnderWay, held

pytestmark = pytest.mark.browser

SAID = ("", "", "", "fifteen")  # part of an answer, where there is only one
# This is a share of all words: the smallest Whisper mishears names and unstressed words.
UNDERSTOOD = 0.7
# A short word is marked for so little time that a look now and then may miss it.
NOTE_WORD = """(word) => new MutationObserver(() => {
  globalThis.wasNow ||= word.classList.contains("word-now");
}).observe(word, { attributes: true })"""
AUDIBLE = 0.01  # full scale 1: -40 dBFS
# Two conversations and all other tests share two cores: how late an answer may be there says nothing of the product.
VOICE_TO_VOICE_MS = (200, 30_000)
# The first role-play that is read waits for the interpreter to learn.
MEASURED_MS = 60_000


@pytest.fixture(scope="module")
def role_plays(under_way: dict[str, UnderWay]) -> dict[str, RolePlay]:
    """Both role-plays, at their end."""
    return {name: held(role_play) for name, role_play in under_way.items()}


def check_heard(lines: list[str]) -> None:
    """Each line shows what was said in its turn: something of each, and most of all."""
    wanted = [re.findall(r"[a-z']+", words.lower()) for words in TURNS]
    # A caption begins with who spoke.
    found = [re.findall(r"[a-z']+", line.removeprefix("You").lower()) for line in lines]
    right = [[word in shown for word in words] for words, shown in zip(wanted, found, strict=True)]
    assert all(any(turn) for turn in right), lines
    assert sum(map(sum, right)) >= UNDERSTOOD * sum(map(len, wanted)), lines


def answer_times_ms(heard: dict[str, Any]) -> list[float]:
    """Return for each turn how long after its last sound the patient's next sound was heard in the page."""
    return [voice["from_ms"] - turn["to_ms"] for turn, voice in zip(heard["mine"], heard["theirs"], strict=True)]


by_transport = pytest.mark.parametrize("transport", ["webrtc", "websocket"])


@by_transport
def test_a_role_play_of_four_turns(role_plays: dict[str, RolePlay], transport: str) -> None:
    """What was understood, shown, heard and measured."""
    seen = role_plays[transport]
    assert seen.calls == (1 if transport == "webrtc" else 0)
    # When a connection is cut, the page continues by messages.
    assert seen.cuts or seen.sockets == (0 if transport == "webrtc" else 1)
    assert len(seen.theirs) >= len(TURNS)
    assert all(len(shown) > len("Patient") + 5 for shown in seen.theirs)
    if seen.undisturbed:
        check_heard(seen.mine)
        assert all(part in shown for shown, part in zip(seen.theirs, SAID, strict=True))
    assert seen.heard["loudest"] > AUDIBLE
    assert len(seen.heard["mine"]) == len(TURNS)
    times_ms = answer_times_ms(seen.heard)
    sys.stdout.write(f"{transport}: undisturbed: {seen.undisturbed}\n")
    sys.stdout.write(f"{transport}: voice-to-voice in the page, ms: {[round(ms) for ms in times_ms]}\n")
    # A page that stood still has sent a turn in pieces, and may have heard an answer to the first of them.
    if seen.undisturbed:
        assert all(VOICE_TO_VOICE_MS[0] < ms < VOICE_TO_VOICE_MS[1] for ms in times_ms), times_ms


@by_transport
def test_afterwards_every_turn_and_word_can_be_heard(
    role_plays: dict[str, RolePlay], transport: str, tmp_path: Path
) -> None:
    """What was said, what was told, who spoke how much, and the recording with each side on its own channel."""
    page = role_plays[transport].page
    expect(page.get_by_text("You ended the role-play.")).to_be_visible()
    said = page.get_by_role("region", name="What was said").get_by_role("listitem")
    expect(said.nth(2 * len(TURNS) - 2)).to_be_visible()
    undisturbed = role_plays[transport].undisturbed
    if undisturbed:
        expect(said).to_have_count(2 * len(TURNS))
        check_heard(said.all_text_contents()[::2])
    told = page.get_by_role("region", name="What the patient told you")
    if undisturbed:
        expect(told.locator(".topics-told li > span")).to_have_text(["Smoking"])
        expect(told.locator(".topics-missed li")).to_have_count(8)
    expect(told.locator(".topics li")).to_have_count(9)
    expect(page.get_by_role("region", name="What was counted")).to_be_visible(timeout=MEASURED_MS)
    shares = (
        page.get_by_role("region", name="How much each of you spoke").locator(".share-text span").all_text_contents()
    )
    percents = [int("".join(filter(str.isdigit, share))) for share in shares]
    assert sum(percents) == 100
    assert not undisturbed or all(20 <= percent <= 80 for percent in percents)
    page.get_by_text("For developers").click()
    expect(page.get_by_text("Most answers came within")).to_be_visible()
    check_recording(page, tmp_path / "recording.flac", undisturbed=undisturbed)
    page.get_by_role("button", name="Same card again").click()
    steps.heading(page, "Prepare").wait_for()
    expect(page.get_by_role("textbox", name="Notes")).to_have_value("Smoking?" if transport == "webrtc" else "")


def check_recording(page: Page, path: Path, *, undisturbed: bool) -> None:
    """Turns and words are played; the recording can be saved."""
    steps.recording(page)
    said = page.get_by_role("region", name="What was said").get_by_role("listitem")
    line = said.nth(1)
    line.get_by_role("button", name="Play: Patient").click()
    page.wait_for_function(f"() => loudness() > {AUDIBLE}")
    expect(line.locator(".word-now")).to_have_count(1)
    expect(line.get_by_role("button", name="Play: Patient")).to_be_visible()  # it has come to the end of the turn
    page.wait_for_function(f"() => loudness() < {AUDIBLE}")
    word = said.nth(2).locator(".word").last
    word.evaluate(NOTE_WORD)
    word.click()
    page.wait_for_function("() => globalThis.wasNow")
    page.wait_for_function(f"() => loudness() > {AUDIBLE}")
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.locator(".player-time")).to_have_text(re.compile(r"\d:\d\d of \d:\d\d"))
    with page.expect_download() as download:
        page.get_by_role("link", name="Save the recording").click()
    assert download.value.suggested_filename == "role-play-nursing-leg-wound.flac"
    download.value.save_as(path)
    recording = read_recording(path)
    assert (recording.samples.shape[1], recording.rate_hz) == (2, WIRE_HZ)
    seconds = to_float(recording.samples[: len(recording.samples) // WIRE_HZ * WIRE_HZ]).reshape(-1, WIRE_HZ, 2)
    loud = np.sqrt(np.mean(seconds**2, axis=1)) > AUDIBLE
    who = ["candidate" if mine else "patient" for mine, theirs in loud if mine != theirs]
    sides = [side for side, _ in itertools.groupby(who)]
    assert {"candidate", "patient"} == set(sides)
    assert not undisturbed or sides == ["candidate", "patient"] * len(TURNS)
