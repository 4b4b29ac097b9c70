"""When a server dies, a microphone falls silent or a phone call comes, the page says so."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.process import ServerProcess, running
from tests.browser import steps
from tests.browser.chromium import PATIENCE, visiting
from tests.browser.conftest import BRISK

pytestmark = pytest.mark.browser

# The browser says so of each attempt to come back.
LOST = ("WebSocket connection to", "Failed to load resource", "The call could not look for another way")
NOTICED_WITHIN_S = 8.0


@pytest.mark.parametrize("calls", [False, True], ids=["websocket", "webrtc"])
def test_a_server_that_died_is_told_at_once(browser: Browser, tmp_path: Path, calls: bool) -> None:
    with (
        running(tmp_path, *BRISK) as server,
        visiting(browser, server.url, calls=calls, allowed=LOST, scripts=(PATIENCE,)) as page,
    ):
        steps.prepare(page)
        steps.start(page)
        steps.in_state(page, "speaking")
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        died_s = time.monotonic()
        steps.in_state(page, "away")
        assert time.monotonic() - died_s < NOTICED_WITHIN_S
        expect(page.locator(".state-name")).to_have_text("Connection lost")
        hint = page.locator(".state-hint")
        expect(hint).to_contain_text("Your last 10 seconds of speech are sent when we are back.")
        first = hint.text_content()
        expect(hint).not_to_have_text(str(first))  # the seconds go down
        expect(page.locator("#announce-state")).to_contain_text("Connection lost.")
        assert "Your turn" not in page.locator(".talk-bar").inner_text()


WITH_TRACK = """() => {
    const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => {
        globalThis.opened = (globalThis.opened ?? 0) + 1;
        return (globalThis.given = await real(wanted));
    };
}"""
SILENCED = """(muted) => {
    const [track] = given.getAudioTracks();
    Object.defineProperty(track, "muted", { value: muted, configurable: true });
    track.dispatchEvent(new Event(muted ? "mute" : "unmute"));
}"""


def test_a_microphone_that_the_system_took_away_is_told_and_opened_again(page: Page) -> None:
    page.evaluate(WITH_TRACK)
    steps.prepare(page)
    steps.start(page)
    notice = page.locator(".notice", has_text="has taken the microphone away")
    page.evaluate(SILENCED, True)
    expect(notice).to_be_visible()
    page.evaluate(SILENCED, False)
    expect(notice).to_have_count(0)
    page.evaluate(SILENCED, True)
    expect(notice).to_be_visible()
    opened = page.evaluate("opened")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # the phone call is over
    expect(notice).to_have_count(0)
    assert page.evaluate("opened") == opened + 1
    page.evaluate("given.getAudioTracks()[0].dispatchEvent(new Event('ended'))")
    expect(page.locator(".notice", has_text="The microphone is gone.")).to_be_visible()
    page.evaluate("navigator.mediaDevices.dispatchEvent(new Event('devicechange'))")  # another one was plugged in
    expect(page.locator(".notice", has_text="The microphone is gone.")).to_have_count(0)
    steps.in_state(page, "hearing")


def test_a_microphone_that_works_is_left_alone(page: Page) -> None:
    page.evaluate(WITH_TRACK)
    steps.prepare(page)
    steps.start(page)
    opened = page.evaluate("opened")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.evaluate("navigator.mediaDevices.dispatchEvent(new Event('devicechange'))")
    steps.in_state(page, "hearing")
    assert page.evaluate("opened") == opened


def test_the_way_of_the_focus_and_what_is_told_aloud(browser: Browser, server: ServerProcess) -> None:
    """A walk as with a screen reader: the order of the controls, and every word of the live regions."""
    with visiting(browser, server.url) as page:
        page.evaluate(
            """() => {
                globalThis.told = [];
                const region = document.getElementById("announce-state");
                new MutationObserver(() => region.textContent && told.push(region.textContent))
                    .observe(region, { childList: true, characterData: true, subtree: true });
            }"""
        )
        steps.prepare(page)
        expect(steps.heading(page, "Prepare")).to_be_focused()
        steps.start(page)
        expect(steps.heading(page, "Role-play")).to_be_focused()
        order = []
        for _ in range(14):
            page.keyboard.press("Tab")
            order.append(
                page.evaluate(
                    """() => {
                        const element = document.activeElement;
                        const label = element.closest("label");
                        return element.getAttribute("aria-label") ?? (label ? "task" : element.textContent.trim());
                    }"""
                )
            )
        ends = order.index("End")
        assert order[:ends + 1] == [
            "Your card and notes", *["task"] * 5, "The rest of the card", "Notes", "Captions",
            "Turn microphone off", *(["Say again"] if "Say again" in order else []), "Pause", "More", "End",
        ]  # fmt: skip
        steps.in_state(page, "speaking")
        steps.in_state(page, "listening")
        page.keyboard.press("Enter")  # "End" has the focus, or what comes after it
        told = page.evaluate("told")
        turns = [text.split(".")[0] for text in told]
        assert turns[0] == "Your turn"
        assert "Patient thinking" in turns
        # Neither of these is spoken: the one into the microphone, the other over the patient.
        assert not {"You're speaking", "Patient speaking"} & set(turns)
        assert [text for text in told if steps.REPLY[:12] in text] == []
