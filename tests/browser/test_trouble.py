"""What the page says when something is not as it should be, and that there is a way on."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import steps
from tests.browser.conftest import watched_page
from tests.browser.fake_server import FakeServer

pytestmark = pytest.mark.browser


def test_microphone_denied(refused_page: Page) -> None:
    steps.prepare(refused_page)
    refused_page.get_by_role("button", name="Check the microphone").click()
    problem = refused_page.get_by_role("alertdialog", name="The microphone is blocked")
    expect(problem).to_contain_text("allow the microphone, and try again")
    refused_page.keyboard.press("Escape")
    expect(problem).to_have_count(0)
    expect(refused_page.get_by_role("button", name="Check the microphone")).to_be_focused()


def test_microphone_denied_at_the_start_keeps_card_and_notes(refused_page: Page, server: FakeServer) -> None:
    steps.prepare(refused_page)
    refused_page.get_by_role("textbox", name="Notes").fill("kept")
    refused_page.get_by_role("button", name="Start now").click()
    refused_page.get_by_role("alertdialog", name="The microphone is blocked").wait_for()
    expect(refused_page.get_by_role("textbox", name="Notes", include_hidden=True)).to_have_value("kept")
    assert server.received == []  # the session's clock has not begun
    refused_page.get_by_role("button", name="Choose another card").last.click()
    steps.heading(refused_page, "Choose a role-play").wait_for()


@pytest.mark.parametrize(
    ("name", "title"),
    [("NotFoundError", "No microphone was found"), ("NotReadableError", "The microphone is in use")],
)
def test_microphone_missing_or_in_use_can_be_tried_again(page: Page, name: str, title: str) -> None:
    page.evaluate(
        """(name) => {
            const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
            let first = true;
            navigator.mediaDevices.getUserMedia = (wanted) => {
                if (!first) return real(wanted);
                first = false;
                return Promise.reject(new DOMException("", name));
            };
        }""",
        name,
    )
    steps.prepare(page)
    page.get_by_role("button", name="Check the microphone").click()
    page.get_by_role("alertdialog", name=title).get_by_role("button", name="Try again").click()
    expect(page.get_by_text("We hear you well.")).to_be_visible()


def test_a_microphone_of_another_rate_is_resampled(page: Page, server: FakeServer) -> None:
    """Some browsers refuse a microphone in a context of another rate; then the page's own resampler works."""
    page.evaluate(
        """() => {
            const real = AudioContext.prototype.createMediaStreamSource;
            AudioContext.prototype.createMediaStreamSource = function (stream) {
                if (this.sampleRate === 24000) throw new DOMException("", "NotSupportedError");
                return real.call(this, stream);
            };
        }"""
    )
    steps.prepare(page)
    steps.start(page)
    steps.in_state(page, "speaking")
    assert server.voiced_frames > 20


def test_a_microphone_that_is_unplugged_can_be_replaced(page: Page) -> None:
    page.evaluate(
        """() => {
            const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
            navigator.mediaDevices.getUserMedia = async (wanted) => (globalThis.given = await real(wanted));
        }"""
    )
    steps.prepare(page)
    steps.start(page)
    page.evaluate("given.getAudioTracks()[0].dispatchEvent(new Event('ended'))")
    expect(page.locator(".notice")).to_contain_text("The microphone was disconnected.")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".notice")).to_have_count(0)
    steps.in_state(page, "hearing")


def test_insecure_address(browser: Browser, server: FakeServer) -> None:
    for page in watched_page(browser, server):
        page.add_init_script("Object.defineProperty(window, 'isSecureContext', { value: false })")
        page.reload()
        problem = page.get_by_role("alertdialog", name="This address is not secure")
        expect(problem).to_contain_text("https://")


def test_server_full_counts_down_and_lets_one_in_later(page: Page, server: FakeServer) -> None:
    server.full = True
    page.get_by_role("button", name=f"Prepare: {steps.ASTHMA}").click()
    problem = page.get_by_role("alertdialog", name="Every place is taken")
    expect(problem).to_contain_text("There may be room in 7 s.")
    expect(problem).to_contain_text("There may be room in 6 s.")
    server.full = False
    problem.get_by_role("button", name="Try again").click()
    steps.heading(page, "Prepare").wait_for()


def test_unknown_card_leads_back_to_the_cards(page: Page, server: FakeServer) -> None:
    server.known = False
    page.get_by_role("button", name=f"Prepare: {steps.ASTHMA}").click()
    problem = page.get_by_role("alertdialog", name="This card is no longer here")
    expect(problem.get_by_role("button", name="Try again")).to_have_count(0)
    problem.get_by_role("button", name="Choose another card").click()
    server.known = True
    steps.prepare(page, steps.WOUND)


def test_server_out_of_reach(page: Page) -> None:
    page.route("**/api/sessions", lambda route: route.abort())
    page.get_by_role("button", name=f"Prepare: {steps.ASTHMA}").click()
    page.get_by_role("alertdialog", name="The server cannot be reached").wait_for()
    page.unroute("**/api/sessions")
    page.get_by_role("button", name="Try again").click()
    steps.heading(page, "Prepare").wait_for()


def test_connection_lost_shows_what_was_said(page: Page, server: FakeServer) -> None:
    server.drop_after_turns = 1
    steps.prepare(page)
    steps.start(page)
    steps.afterwards(page)
    expect(page.get_by_text("The connection was lost.")).to_be_visible()
    expect(page.get_by_role("region", name="What was said")).to_contain_text("Hello, I am the nurse.")


def test_without_the_servers_account_the_captions_are_shown(page: Page, server: FakeServer) -> None:
    steps.prepare(page)
    steps.start(page)
    steps.in_state(page, "speaking")
    page.route("**/api/sessions/*", lambda route: route.abort())
    steps.end(page)
    expect(page.get_by_role("region", name="What was said")).to_contain_text("Hello, I am the nurse.")
    expect(page.get_by_text("The summary could not be fetched")).to_be_visible()
    page.unroute("**/api/sessions/*")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("region", name="What the patient told you")).to_be_visible()


def test_a_problem_the_page_does_not_know_is_told_in_the_servers_words(page: Page, server: FakeServer) -> None:
    server.problem = ("something.new", "Please speak a little slower.")
    steps.prepare(page)
    steps.start(page)
    expect(page.locator(".notice")).to_have_text("Please speak a little slower.")
