"""What a person may wish for during a role-play besides speaking: a key to talk, to hear it again, to report."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.process import ServerProcess
from tests.browser import steps
from tests.browser.chromium import visiting
from tests.browser.microphone import speaking_when_told
from tests.browser.wire import Wire

pytestmark = pytest.mark.browser


def sent(wire: Wire, kind: str) -> int:
    return sum(message["type"] == kind for message in wire.sent)


def test_the_check_of_the_devices(page: Page) -> None:
    """What was recorded is judged and played back."""
    steps.choose(page)
    page.get_by_role("button", name="Check the microphone").click()
    page.get_by_role("button", name="Record 3 seconds and play them back").click()
    expect(page.get_by_text("Recording… say your name")).to_be_visible()
    expect(page.get_by_text("Your room is quiet enough.")).to_be_visible()
    page.wait_for_function("() => loudness() > 0.01")
    expect(page.get_by_text("We hear you well.")).to_be_visible()
    expect(page.get_by_label("Which microphone?").get_by_role("option")).not_to_have_count(0)
    page.get_by_role("button", name="Play a test sound").click()
    expect(page.get_by_text("Did you hear two notes?")).to_be_visible()


def test_push_to_talk_says_only_what_is_said_while_the_key_is_down(browser: Browser, server: ServerProcess) -> None:
    # A candidate who speaks when told: no turn of before the key can be taken for the one that is said with it.
    with visiting(browser, server.url, scripts=(speaking_when_told(["That is good to know."]),)) as page:
        check_push_to_talk(page)


def check_push_to_talk(page: Page) -> None:
    """What is said with the key down is a turn, and with the key up nothing is."""
    wire = Wire(page)
    steps.prepare(page)
    steps.start(page)
    steps.more(page).get_by_role("button", name="Press to speak").click()
    expect(page.locator(".notice")).to_contain_text("hold the button or the space bar")
    expect(page.get_by_role("button", name="Turn microphone off")).to_have_count(0)
    steps.in_state(page, "listening")
    frames = len(wire.frames)
    commits, wanted = sent(wire, "input_audio_buffer.commit"), sent(wire, "response.create")
    page.locator(".state-name").click()  # nothing has the focus
    page.keyboard.down("Space")
    expect(page.get_by_role("button", name="You're on")).to_have_attribute("aria-pressed", "true")
    page.evaluate("say(0)")
    steps.in_state(page, "hearing")
    assert any(wire.frames[frames:])
    expect(page.locator(".caption-candidate")).to_have_count(1)
    page.keyboard.up("Space")
    steps.in_state(page, "speaking")
    assert sent(wire, "input_audio_buffer.commit") == commits + 1
    assert sent(wire, "response.create") == wanted + 1
    assert not any(wire.frames[-10:])
    # Pressed shortly it stays down, for who can't hold it.
    hold = page.locator(".button-hold")
    hold.click()
    expect(page.get_by_role("button", name="You're on")).to_be_visible()
    page.get_by_role("button", name="You're on").click()
    expect(hold).to_be_visible()
    # In the notes the space bar writes spaces.
    page.get_by_role("textbox", name="Notes").press("Space")
    expect(hold).to_have_attribute("aria-pressed", "false")
    steps.more(page).get_by_role("button", name="Press to speak").click()
    expect(page.get_by_role("button", name="Turn microphone off")).to_be_visible()
    assert wire.received[-1]["type"] != "error"


def test_a_pause_then_the_patient_again_and_a_report(browser: Browser, server: ServerProcess) -> None:
    with visiting(browser, server.url) as page:
        wire = Wire(page)
        steps.prepare(page, steps.PATIENT_FIRST)
        page.get_by_role("button", name="Start now").click()
        page.get_by_role("button", name="Turn microphone off").click()  # or this microphone begins to talk
        repeat = page.get_by_role("button", name="Say again")
        expect(repeat).to_have_attribute("aria-disabled", "true")  # nothing was said yet
        steps.in_state(page, "speaking")
        page.wait_for_function("() => loudness() > 0.01")
        pause(page)
        report(page)
        page.get_by_role("button", name="Go on").click()
        page.wait_for_function("() => loudness() > 0.01")
        expect(page.get_by_role("button", name="Turn microphone on")).to_be_visible()
        steps.in_state(page, "listening")
        expect(repeat).to_have_attribute("aria-disabled", "false")
        repeat.click()
        expect(page.locator(".caption-candidate").last).to_contain_text("Sorry, could you say that again, please?")
        steps.in_state(page, "speaking")
        session = next(m["session"]["id"] for m in wire.received if m["type"] == "session.created")
        steps.end(page)
        expect(page.locator(".turn-candidate").last).to_contain_text("(asked with the button)")
    entries = server.entries(session)
    kept = {entry.envelope.type: entry.payload for entry in entries}
    assert kept["problem_reported"] == {"kind": "sound", "text": "It crackles."}
    consent = kept["consent_given"]
    assert consent is not None
    assert consent["version"]
    assert "I have read this and agree." in consent["text"]
    left_ms = [entry.payload["left_ms"] for entry in entries if entry.payload and "paused" in entry.payload]
    assert len(left_ms) == 2
    assert left_ms[0] == left_ms[1]


def pause(page: Page) -> None:
    """Pause: the patient and the clock stop."""
    page.get_by_role("button", name="Pause").click()
    steps.in_state(page, "paused")
    page.wait_for_function("() => loudness() < 0.001")
    left = page.get_by_role("timer").text_content()
    page.wait_for_function("before => performance.now() > before + 1100", arg=page.evaluate("performance.now()"))
    assert page.get_by_role("timer").text_content() == left


def report(page: Page) -> None:
    """Say that something is wrong with the sound."""
    steps.more(page).get_by_role("button", name="Report a problem").click()
    dialog = page.get_by_role("dialog", name="What went wrong?")
    dialog.get_by_label("What is it about?").select_option(label="The sound")
    dialog.get_by_label("In a few words").fill("It crackles.")
    dialog.get_by_role("button", name="Send").click()
    expect(page.locator(".notice").last).to_contain_text("We wrote it down.")
