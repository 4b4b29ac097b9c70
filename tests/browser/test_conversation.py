"""One whole conversation as a new user has it: `interlocutor serve`, the embedded engines, speech in the microphone."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, Playwright, expect

from audio.files import read_recording
from audio.frames import WIRE_HZ, to_float
from tests.app.process import ServerProcess, faults_of, running
from tests.browser import steps
from tests.browser.chromium import launched, visiting
from tests.browser.microphone import write_microphone
from tests.browser.wire import Wire

pytestmark = pytest.mark.browser

TABLETS = "Could you tell me which tablets you take every day?"
SMOKING = "I also need to know if you use any cigarettes."
# A moment for the browser to get going, or the first words come in pieces. The second question comes while the first
# is being answered: endpoint and reply take a second, an answer two at the least.
PLAN: tuple[str | int, ...] = (1_500, TABLETS, 2_800, SMOKING, 60_000)
UNDERSTOOD = 0.5  # of the words: the embedded recogniser is a demonstration, and mishears one or two
AUDIBLE = 0.01  # full scale 1: -40 dBFS


@pytest.fixture
def speaking_browser(playwright: Playwright, tmp_path: Path) -> Iterator[Browser]:
    """Chromium that hears two questions, once."""
    with launched(playwright, write_microphone(tmp_path / "questions.wav", PLAN), loop=False) as browser:
        yield browser


def loading(server: ServerProcess) -> None:
    """Keep the server from becoming ready: the worker processes of its engines stand still."""
    server.wait_for(lambda: server.logged("vad_chosen"))
    for worker in server.usage.children(recursive=True):
        worker.suspend()
    assert not server.logged("ready")


def loaded(server: ServerProcess) -> None:
    """Let the engines go on, and wait for them."""
    for worker in server.usage.children(recursive=True):
        worker.resume()
    server.wait_for(lambda: server.logged("ready"))


def test_a_conversation_on_a_server_that_has_just_been_started(speaking_browser: Browser, tmp_path: Path) -> None:
    settings = ("engines.backend=embedded", "engines.recogniser_workers=1", "server.retry_after_s=1")
    with (
        running(tmp_path / "data", *settings, ready=False) as server,
        visiting(speaking_browser, server.url) as page,
    ):
        loading(server)
        steps.choose(page)
        steps.agree(page)
        problem = page.get_by_role("alertdialog", name="The server is getting ready")
        expect(problem).to_contain_text("There may be room in 1 s.")
        loaded(server)
        expect(problem).to_contain_text("You can try again now.")
        problem.get_by_role("button", name="Try again").click()
        steps.heading(page, "Prepare").wait_for()
        page.get_by_role("textbox", name="Notes").fill("Tablets, smoking")
        wire = Wire(page)
        hold_conversation(page, wire)
        steps.end(page)
        check_debrief(page)
        check_recording(page, tmp_path / "recording.flac")
        page.get_by_role("button", name="Same card again").click()
        steps.heading(page, "Prepare").wait_for()
        expect(page.get_by_role("textbox", name="Notes")).to_have_value("Tablets, smoking")
        assert faults_of(server) == []


def recognised(line: Locator, words: str) -> float:
    """Return how much of `words` a line shows, 0 to 1."""
    wanted = re.findall(r"[a-z']+", words.lower())
    shown = re.findall(r"[a-z']+", (line.text_content() or "").lower())
    return sum(word in shown for word in wanted) / len(wanted)


def hold_conversation(page: Page, wire: Wire) -> None:
    """Ask, interrupt the answer with another question, hear that answer out."""
    page.get_by_role("button", name="Start now").click()
    mine = page.locator(".caption-candidate")
    theirs = page.locator(".caption-patient")
    steps.in_state(page, "speaking")
    assert recognised(mine.first, TABLETS) >= UNDERSTOOD
    page.wait_for_function(f"() => loudness() > {AUDIBLE}")
    steps.in_state(page, "hearing")
    page.wait_for_function(f"() => loudness() < {AUDIBLE}")
    expect(theirs.first.locator(".caption-mark")).to_be_visible()
    heard = wire.played_ms("item_p1")
    assert heard == sorted(heard)
    assert 0 < heard[-1] < wire.received_ms("item_p1")

    steps.in_state(page, "speaking")
    expect(mine).to_have_count(2)
    assert recognised(mine.last, SMOKING) >= UNDERSTOOD
    page.wait_for_function(f"() => loudness() > {AUDIBLE}")
    expect(page.get_by_text("Last reply after")).to_be_visible()
    steps.in_state(page, "listening")
    expect(theirs).to_have_count(2)
    expect(theirs.last).to_contain_text("fifteen")
    expect(theirs.last.locator(".caption-mark")).to_be_hidden()
    assert wire.played_ms("item_p2")[-1] == pytest.approx(wire.received_ms("item_p2"), abs=1)
    lines = page.locator("#announce-lines p").all_text_contents()
    assert [line.split(":")[0] for line in lines[-2:]] == ["You", "Patient"]


def check_debrief(page: Page) -> None:
    """What was said, what was told, who spoke how much, how fast the answers came."""
    expect(page.get_by_text("You ended the role-play.")).to_be_visible()
    said = page.get_by_role("region", name="What was said").get_by_role("listitem")
    expect(said).to_have_count(4)
    assert recognised(said.nth(0), TABLETS) >= UNDERSTOOD
    expect(said.nth(1)).to_contain_text("(interrupted)")
    assert recognised(said.nth(2), SMOKING) >= UNDERSTOOD
    expect(said.nth(3)).to_contain_text("fifteen")
    told = page.get_by_role("region", name="What the patient told you")
    expect(told.locator(".topics-told li")).to_have_text(["Smoking"])
    expect(told.locator(".topics-missed li")).to_have_count(8)
    shares = page.get_by_role("region", name="Who spoke how much").locator(".share-text span").all_text_contents()
    percents = [int("".join(filter(str.isdigit, share))) for share in shares]
    assert sum(percents) == 100
    assert all(20 <= percent <= 80 for percent in percents)
    expect(page.get_by_role("region", name="How fast the patient answered")).to_contain_text("Usually within")
    expect(page.get_by_text("Tablets, smoking")).to_be_visible()


def check_recording(page: Page, path: Path) -> None:
    """Every turn and every word can be heard, and the recording saved; each side is on its own channel."""
    steps.recording(page)
    said = page.get_by_role("region", name="What was said").get_by_role("listitem")
    last = said.nth(3)
    last.get_by_role("button", name="Play: Patient").click()
    page.wait_for_function(f"() => loudness() > {AUDIBLE}")
    expect(last.locator(".word-now")).to_have_count(1)
    expect(last.get_by_role("button", name="Play: Patient")).to_be_visible()  # it has come to the end of the turn
    page.wait_for_function(f"() => loudness() < {AUDIBLE}")
    word = said.nth(2).locator(".word").last
    word.click()
    expect(word).to_have_class("word word-now")
    page.wait_for_function(f"() => loudness() > {AUDIBLE}")
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.locator(".player-time")).to_have_text(re.compile(r"0:\d\d of 0:\d\d"))
    with page.expect_download() as download:
        page.get_by_role("link", name="Save the recording").click()
    assert download.value.suggested_filename == "role-play-nursing-leg-wound.flac"
    download.value.save_as(path)
    recording = read_recording(path)
    assert (recording.samples.shape[1], recording.rate_hz) == (2, WIRE_HZ)
    seconds = to_float(recording.samples[: len(recording.samples) // WIRE_HZ * WIRE_HZ]).reshape(-1, WIRE_HZ, 2)
    loud = np.sqrt(np.mean(seconds**2, axis=1)) > AUDIBLE
    who = ["candidate" if mine else "patient" for mine, theirs in loud if mine != theirs]
    assert [side for side, _ in itertools.groupby(who)] == ["candidate", "patient", "candidate", "patient"]
