"""A person's way from the cards to what was said: a real browser, the real server, scripted engines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.process import ServerProcess, running
from tests.browser import steps
from tests.browser.chromium import visiting
from tests.browser.conftest import BRISK
from tests.browser.microphone import speaking_when_told
from tests.browser.wire import Wire

pytestmark = pytest.mark.browser


def test_what_is_done_before_one_begins(page: Page) -> None:
    notices = page.get_by_role("region", name="Good to know")
    expect(notices).to_contain_text("The patient is a computer")
    expect(notices).to_contain_text("You don't have to finish every task")
    expect(notices).to_contain_text(
        "speech recognition, the understanding of questions, the wording of answers and the patient's voice are for "
        "demonstration"
    )
    steps.choose(page)
    expect(page.get_by_text("the server answers within")).to_be_visible()
    page.get_by_role("button", name="Continue to the card").click()
    agreement = page.get_by_role("checkbox", name="I have read this and agree.")
    expect(agreement).to_be_focused()
    expect(page.get_by_role("alert")).to_contain_text("Please tick the box first")
    agreement.check()
    expect(page.get_by_role("alert")).to_have_count(0)
    page.get_by_role("button", name="Continue to the card").click()
    expect(page.get_by_role("article", name=steps.WOUND).get_by_role("listitem")).to_have_count(5)
    expect(page.get_by_role("timer")).to_have_text("3:00")
    expect(page.get_by_role("timer")).to_have_text("2:59")
    page.get_by_role("button", name="Choose another card").click()
    steps.heading(page, "Choose a role-play").wait_for()
    steps.prepare(page, steps.INHALER)
    expect(page.get_by_role("article", name=steps.INHALER)).to_be_visible()


@dataclass
class Exam:
    """An exam that was begun, and what it runs on."""

    page: Page
    wire: Wire
    server: ServerProcess


@pytest.fixture(scope="module")
def exam(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exam]:
    """An exam of ten seconds, which is the shortest: its time passes while other tests run."""
    times = ("session.prepare_s=1", "session.session_s=10", "session.join_within_s=10")
    data = tmp_path_factory.mktemp("exam")
    with (
        running(data, *BRISK, *times, "conversation.closing_grace_s=1") as server,
        visiting(browser, server.url) as page,
    ):
        wire = Wire(page)
        steps.prepare(page, exam=True)
        yield Exam(page, wire, server)


def test_an_exam_starts_by_itself_and_shows_no_captions(exam: Exam) -> None:
    expect(exam.page.get_by_role("button", name="Start now")).to_have_count(0)
    steps.in_state(exam.page, "speaking")
    expect(exam.page.locator(".caption")).to_have_count(0)
    expect(exam.page.get_by_text("There are no captions in exam mode.")).to_be_visible()
    expect(exam.page.get_by_role("button", name="Captions")).to_have_count(0)
    expect(exam.page.get_by_text("Timing of the last answer")).to_have_count(0)
    exam.page.get_by_role("button", name="End", exact=True).click()
    expect(exam.page.get_by_role("dialog")).to_be_visible()


def test_the_patient_may_speak_first(browser: Browser, server: ServerProcess) -> None:
    # A candidate who says nothing: else it depends on the machine who is heard first.
    with visiting(browser, server.url, scripts=(speaking_when_told(),)) as page:
        steps.prepare(page, steps.PATIENT_FIRST)
        expect(page.get_by_text("The patient will speak first.")).to_be_visible()
        page.get_by_role("button", name="Start now").click()
        steps.in_state(page, "speaking")
        expect(page.locator(".caption").first).to_have_class("caption caption-patient")


def test_mute_sends_silence_and_not_nothing(page: Page) -> None:
    wire = Wire(page)
    steps.prepare(page)
    steps.start(page)
    steps.in_state(page, "hearing")
    mute = page.get_by_role("button", name="Turn microphone")
    mute.click()
    expect(mute).to_have_text("Turn microphone on")
    expect(page.locator(".notice")).to_contain_text("the patient can't hear you")
    steps.in_state(page, "speaking")  # the silence has ended the turn: 300 ms are 15 frames
    assert not any(wire.frames[-10:])
    assert any(wire.frames)
    mute.click()
    expect(mute).to_have_text("Turn microphone off")
    expect(page.locator(".notice")).to_have_count(0)


def test_who_interrupts_the_patient_is_listened_to(hasty_browser: Browser, server: ServerProcess) -> None:
    """The patient falls silent, what it had said until then is what counts, and it answers what was said instead."""
    with visiting(hasty_browser, server.url) as page:
        wire = Wire(page)
        steps.prepare(page)
        steps.start(page)
        steps.in_state(page, "speaking")
        page.wait_for_function("() => loudness() > 0.01")
        steps.in_state(page, "hearing")
        page.wait_for_function("() => loudness() < 0.001")
        theirs = page.locator(".caption-patient")
        expect(theirs.first.locator(".caption-mark")).to_be_visible()
        heard = wire.played_ms("item_p1")
        assert heard == sorted(heard)
        assert 0 < heard[-1] < wire.received_ms("item_p1")
        steps.in_state(page, "speaking")
        expect(page.locator(".caption-candidate")).to_have_count(2)
        expect(theirs).to_have_count(2)


def test_captions_and_clock_can_be_put_away(page: Page) -> None:
    steps.prepare(page)
    steps.start(page)
    menu = steps.more(page)
    menu.get_by_role("button", name="Captions", exact=True).click()
    expect(page.get_by_text("Captions are off.")).to_be_visible()
    expect(page.locator(".captions")).to_be_hidden()
    menu.get_by_role("button", name="Hide clock").click()
    expect(page.get_by_role("timer")).to_be_hidden()
    menu.get_by_role("button", name="Show clock").click()
    expect(page.get_by_role("timer")).to_be_visible()


def test_mode_and_profession_are_remembered(page: Page) -> None:
    page.get_by_label("Exam").check()
    page.get_by_label("Profession").select_option(label="Pharmacy")
    expect(page.get_by_role("button", name="Prepare:")).to_have_count(1)
    steps.choose(page, steps.INHALER)
    page.reload()
    expect(page.get_by_label("Exam")).to_be_checked()
    expect(page.get_by_label("Profession")).to_have_value("pharmacy")


def test_an_exam_runs_its_time_out(exam: Exam) -> None:
    page = exam.page
    steps.afterwards(page)
    expect(page.get_by_role("dialog")).to_have_count(0)  # an open question does not outlive the role-play
    expect(page.get_by_text("The time is over.")).to_be_visible()
    expect(page.get_by_role("region", name="What was said")).to_contain_text(steps.HEARD)
    expect(page.get_by_text("In exam mode only the examiner sees this.")).to_be_visible()
    expect(page.locator(".topics")).to_have_count(0)
    expect(page.get_by_text("you can't delete it")).to_be_visible()
    expect(page.get_by_role("button", name="Delete this role-play")).to_have_count(0)
    assert exam.wire.received[-1]["reason"] == "time_limit"
    # The reservation was about to expire when the role-play began, so the page had made another one.
    assert sum(line["event"] == "session_reserved" for line in exam.server.log) == 2
