"""Whole role-plays as a new user has them: `interlocutor serve`, the embedded engines, speech in the microphone.

Two pages hold the same conversation at the same time, one by a call and one over its WebSocket; what each of them
understood, showed, let sound and measured is written down in the page while it goes on.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, Playwright, expect

from audio.files import read_recording
from audio.frames import WIRE_HZ, to_float
from tests.app.process import ServerProcess, faults_of, running
from tests.browser import steps
from tests.browser.chromium import launched, visiting
from tests.browser.microphone import write_microphone

pytestmark = pytest.mark.browser

GREETING = "Good morning, my name is Anna."
THANKS = "Thank you for telling me."
SMOKING = "I also need to know if you use any cigarettes."
GOOD = "That is good to know."
TURNS = (GREETING, THANKS, GOOD, SMOKING)
# A moment for the browser to get going, or the first words come in pieces. The pauses leave room for answers of two to
# four seconds that come late, since other tests may run beside.
PLAN: tuple[str | int, ...] = (1_500, GREETING, 6_000, THANKS, 5_500, GOOD, 5_000, SMOKING, 60_000)
SAID = ("", "", "", "fifteen")  # part of an answer, where there is only one
UNDERSTOOD = 0.6  # of all words: the embedded recogniser is a demonstration, and mishears a name or an unstressed word
AUDIBLE = 0.01  # full scale 1: -40 dBFS
VOICE_TO_VOICE_MS = (200, 4_500)  # two conversations and a browser on two cores

# Writes down when a voice begins and ends in the microphone, and in what is played or comes by a call, on one clock.
MEASURE = """
globalThis.heard = { mine: [], theirs: [], loudest: 0 };
const note = (list, on, at_ms) => {
  const last = list.at(-1);
  if (on && (!last || at_ms - last.to_ms > 700)) list.push({ from_ms: at_ms, to_ms: at_ms });
  else if (on) last.to_ms = at_ms;
};
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => {
  const stream = await open(wanted);
  const context = new AudioContext();
  const tap = new AnalyserNode(context, { fftSize: 512 });
  context.createMediaStreamSource(stream.clone()).connect(tap);
  const samples = new Float32Array(tap.fftSize);
  setInterval(() => {
    const now_ms = performance.now();
    tap.getFloatTimeDomainData(samples);
    note(heard.mine, Math.hypot(...samples) / Math.sqrt(samples.length) > 0.01, now_ms);
    const level = loudness();
    heard.loudest = Math.max(heard.loudest, level);
    note(heard.theirs, level > 0.01, now_ms);
  }, 10);
  return stream;
};
"""


@dataclass
class RolePlay:
    """A page after its conversation, and what was seen of it meanwhile."""

    page: Page
    mine: list[str]  # captions of the candidate
    theirs: list[str]
    heard: dict[str, Any]
    calls: int
    sockets: int


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


@pytest.fixture(scope="module")
def role_plays(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, RolePlay]]:
    """A role-play by a call and one over the WebSocket, on a server that has just been started; both are over."""
    data = tmp_path_factory.mktemp("conversation")
    microphone = write_microphone(data / "turns.wav", PLAN)
    with ExitStack() as stack:
        server = stack.enter_context(
            running(data / "data", "engines.backend=embedded", "server.retry_after_s=1", ready=False)
        )
        loading(server)
        browser = stack.enter_context(launched(playwright, microphone, loop=False))
        pages = {
            name: stack.enter_context(visiting(browser, server.url, calls=name == "webrtc", scripts=(MEASURE,)))
            for name in ("webrtc", "websocket")
        }
        sockets = {name: sockets_of(page) for name, page in pages.items()}
        first = pages["webrtc"]
        steps.choose(first)
        steps.agree(first)
        problem = first.get_by_role("alertdialog", name="The server is getting ready")
        expect(problem).to_contain_text("There may be room in 1 s.")
        loaded(server)
        expect(problem).to_contain_text("You can try again now.")
        problem.get_by_role("button", name="Try again").click()
        steps.heading(first, "Prepare").wait_for()
        first.get_by_role("textbox", name="Notes").fill("Smoking?")
        steps.prepare(pages["websocket"])
        for page in pages.values():
            page.get_by_role("button", name="Start now").click()
        yield {name: held(page, sockets[name]) for name, page in pages.items()}
        assert faults_of(server) == []


def sockets_of(page: Page) -> list[str]:
    """Return a list that will hold the addresses of the WebSockets that a page opens."""
    found: list[str] = []
    page.on("websocket", lambda socket: found.append(socket.url))
    return found


def held(page: Page, sockets: list[str]) -> RolePlay:
    """Let a page hear its last answer out and end, and return what was seen."""
    mine, theirs = page.locator(".caption-candidate"), page.locator(".caption-patient")
    expect(theirs).to_have_count(len(TURNS), timeout=60_000)
    steps.in_state(page, "listening")
    seen = RolePlay(
        page=page,
        mine=mine.all_text_contents(),
        theirs=theirs.all_text_contents(),
        heard=page.evaluate("heard"),
        calls=page.evaluate("calls.length"),
        sockets=len(sockets),
    )
    expect(page.get_by_text("Last reply after")).to_be_visible()
    steps.end(page)
    return seen


def check_heard(lines: list[str]) -> None:
    """Each line shows what was said in its turn: something of each, and most of all."""
    wanted = [re.findall(r"[a-z']+", words.lower()) for words in TURNS]
    found = [re.findall(r"[a-z']+", line.lower()) for line in lines]
    right = [[word in shown for word in words] for words, shown in zip(wanted, found, strict=True)]
    assert all(any(turn) for turn in right), lines
    assert sum(map(sum, right)) >= UNDERSTOOD * sum(map(len, wanted)), lines


def answer_times_ms(heard: dict[str, Any]) -> list[float]:
    """Return for each turn how long after its last sound the patient's next sound was heard in the page."""
    found = []
    for turn in heard["mine"]:
        found.append(
            next(voice["from_ms"] for voice in heard["theirs"] if voice["from_ms"] > turn["to_ms"]) - turn["to_ms"]
        )
    return found


by_transport = pytest.mark.parametrize("transport", ["webrtc", "websocket"])


@by_transport
def test_a_role_play_of_four_turns(role_plays: dict[str, RolePlay], transport: str) -> None:
    """What was understood, shown, heard and measured."""
    seen = role_plays[transport]
    assert (seen.calls, seen.sockets) == ((1, 0) if transport == "webrtc" else (0, 1))
    assert len(seen.mine) == len(TURNS)
    check_heard(seen.mine)
    for shown, part in zip(seen.theirs, SAID, strict=True):
        assert len(shown) > len("Patient") + 5
        assert part in shown
    assert seen.heard["loudest"] > AUDIBLE
    assert len(seen.heard["mine"]) == len(TURNS)
    times_ms = answer_times_ms(seen.heard)
    sys.stdout.write(f"{transport}: voice-to-voice in the page, ms: {[round(ms) for ms in times_ms]}\n")
    assert all(VOICE_TO_VOICE_MS[0] < ms < VOICE_TO_VOICE_MS[1] for ms in times_ms), times_ms


@by_transport
def test_afterwards_every_turn_and_word_can_be_heard(
    role_plays: dict[str, RolePlay], transport: str, tmp_path: Path
) -> None:
    """What was said, what was told, who spoke how much, and the recording with each side on its own channel."""
    page = role_plays[transport].page
    expect(page.get_by_text("You ended the role-play.")).to_be_visible()
    said = page.get_by_role("region", name="What was said").get_by_role("listitem")
    expect(said).to_have_count(2 * len(TURNS))
    lines = said.all_text_contents()
    check_heard(lines[::2])
    told = page.get_by_role("region", name="What the patient told you")
    expect(told.locator(".topics-told li")).to_have_text(["Smoking"])
    expect(told.locator(".topics-missed li")).to_have_count(8)
    shares = page.get_by_role("region", name="Who spoke how much").locator(".share-text span").all_text_contents()
    percents = [int("".join(filter(str.isdigit, share))) for share in shares]
    assert sum(percents) == 100
    assert all(20 <= percent <= 80 for percent in percents)
    expect(page.get_by_role("region", name="How fast the patient answered")).to_contain_text("Usually within")
    check_recording(page, tmp_path / "recording.flac")
    page.get_by_role("button", name="Same card again").click()
    steps.heading(page, "Prepare").wait_for()
    expect(page.get_by_role("textbox", name="Notes")).to_have_value("Smoking?" if transport == "webrtc" else "")


def check_recording(page: Page, path: Path) -> None:
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
    assert [side for side, _ in itertools.groupby(who)] == ["candidate", "patient"] * len(TURNS)
