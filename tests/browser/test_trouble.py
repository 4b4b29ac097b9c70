"""What the page says when something is not as it should be, and that there is a way on."""

from __future__ import annotations

import json
import signal
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, WebSocketRoute, expect

from tests.app.process import ServerProcess, running
from tests.app.wire import CARD
from tests.browser import steps
from tests.browser.chromium import PATIENCE, visiting
from tests.browser.conftest import BRISK
from tests.browser.wire import Wire

pytestmark = pytest.mark.browser


def test_a_microphone_that_is_denied_stops_before_the_preparation(refused_page: Page) -> None:
    wire = Wire(refused_page)
    steps.choose(refused_page)
    refused_page.get_by_role("button", name="Check the microphone").click()
    problem = refused_page.get_by_role("alertdialog", name="The microphone is blocked")
    expect(problem).to_contain_text("Allow the microphone beside the address, and try again")
    refused_page.keyboard.press("Escape")
    expect(problem).to_have_count(0)
    expect(refused_page.get_by_role("button", name="Check the microphone")).to_be_focused()
    steps.agree(refused_page)
    expect(problem).to_contain_text("click the two sliders on the left of the address")
    expect(problem.locator("svg")).to_be_visible()
    refused_page.keyboard.press("Escape")
    steps.heading(refused_page, "Before you start").wait_for()  # nobody prepares for three minutes in vain
    assert wire.received == []
    refused_page.get_by_role("button", name="Choose another card").last.click()
    steps.heading(refused_page, "Choose a role-play").wait_for()


def test_a_microphone_that_is_denied_at_the_start_keeps_card_and_notes(page: Page) -> None:
    steps.prepare(page)
    page.get_by_role("textbox", name="Notes").fill("kept")
    page.reload()
    page.get_by_role("button", name="Go on preparing").click()
    page.evaluate(DENY)
    page.get_by_role("button", name="Start now").click()
    page.get_by_role("alertdialog", name="The microphone is blocked").wait_for()
    expect(page.get_by_role("textbox", name="Notes", include_hidden=True)).to_have_value("kept")


DENY = """() => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", "NotAllowedError"));
}"""


def test_microphone_missing_or_in_use_can_be_tried_again(page: Page) -> None:
    page.evaluate(
        """() => {
            const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
            const errors = ["NotFoundError", "NotReadableError"];
            navigator.mediaDevices.getUserMedia = (wanted) =>
                errors.length ? Promise.reject(new DOMException("", errors.shift())) : real(wanted);
        }"""
    )
    steps.choose(page)
    page.get_by_role("button", name="Check the microphone").click()
    for title in ("No microphone was found", "The microphone is in use"):
        page.get_by_role("alertdialog", name=title).get_by_role("button", name="Try again").click()
    expect(page.get_by_text("We hear you well.")).to_be_visible()


def test_a_microphone_of_another_rate_is_resampled(page: Page) -> None:
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
    expect(page.locator(".caption-candidate")).to_contain_text("word2")


@pytest.mark.parametrize("calls", [False, True], ids=["websocket", "webrtc"])
def test_a_microphone_that_is_unplugged_in_mid_turn_can_be_replaced(
    browser: Browser, server: ServerProcess, calls: bool
) -> None:
    with visiting(browser, server.url, calls=calls, scripts=(PATIENCE,)) as page:
        page.evaluate(
            """() => {
                const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
                navigator.mediaDevices.getUserMedia = async (wanted) => (globalThis.given = await real(wanted));
            }"""
        )
        steps.prepare(page)
        steps.start(page)
        steps.in_state(page, "hearing")
        page.evaluate("given.getAudioTracks()[0].dispatchEvent(new Event('ended'))")
        expect(page.locator(".notice")).to_contain_text("The microphone is gone.")
        turns = page.locator(".caption-candidate").count()
        page.get_by_role("button", name="Try again").click()
        expect(page.locator(".notice")).to_have_count(0)
        expect(page.locator(".caption-candidate")).to_have_count(turns + 1)


def test_insecure_address(browser: Browser, server: ServerProcess) -> None:
    with visiting(browser, server.url) as page:
        page.add_init_script("Object.defineProperty(window, 'isSecureContext', { value: false })")
        page.reload()
        problem = page.get_by_role("alertdialog", name="This address is not secure")
        expect(problem).to_contain_text("https://")


def test_a_full_server_lets_one_in_later_and_a_restarted_one_says_so(browser: Browser, tmp_path: Path) -> None:
    full = ("server.max_sessions=1", "server.drain_deadline_s=120")
    with (
        running(tmp_path, *BRISK, *full) as server,
        visiting(browser, server.url) as other,
        visiting(browser, server.url) as page,
    ):
        steps.prepare(other)
        steps.start(other)
        steps.choose(page)
        steps.agree(page)
        problem = page.get_by_role("alertdialog", name="Every place is taken")
        expect(problem).to_contain_text("1 person is speaking.")
        expect(problem).to_contain_text("You are next.")
        steps.end(other)
        steps.heading(page, "Prepare").wait_for()
        steps.start(page)
        steps.in_state(page, "speaking")
        server.process.send_signal(signal.SIGTERM)
        # A server that stops lets role-plays finish.
        expect(page.locator("#main").get_by_text("The server will restart soon. You can finish")).to_be_visible()
        steps.end(page)
        # Its account may come too late: nothing holds a server once its last role-play is over.
        expect(page.get_by_role("region", name="What was said")).to_contain_text(steps.HEARD[:5])
        server.process.wait()
        other.get_by_role("button", name="Same card again").click()
        other.get_by_role("alertdialog", name="We can't reach the server").wait_for()


def test_an_address_that_opened_too_many_is_told_when_it_may_again(browser: Browser, tmp_path: Path) -> None:
    limits = ("server.reservations.burst=1", "server.reservations.per_minute=20")
    with running(tmp_path, *BRISK, *limits) as server, visiting(browser, server.url) as page:
        reserve_one(server.url)
        steps.choose(page)
        steps.agree(page)
        problem = page.get_by_role("alertdialog", name="Too many role-plays from here")
        expect(problem).to_contain_text("Nothing is wrong with your computer")
        expect(problem).to_contain_text("You can try again now.")
        problem.get_by_role("button", name="Try again").click()
        steps.heading(page, "Prepare").wait_for()


def reserve_one(url: str) -> None:
    """Open a session from this machine's address."""
    with urllib.request.urlopen(f"{url}/api/sessions", data=json.dumps({"card": CARD}).encode(), timeout=20) as answer:
        assert answer.status == 201


def test_a_server_that_is_about_to_restart_takes_nobody(page: Page) -> None:
    refused = {"error": {"code": "capacity.draining", "message": "the server is about to restart; try again shortly"}}
    page.route(
        "**/api/sessions", lambda route: route.fulfill(status=503, headers={"Retry-After": "7"}, json=refused), times=1
    )
    steps.choose(page)
    steps.agree(page)
    problem = page.get_by_role("alertdialog", name="The server is starting again")
    expect(problem).to_contain_text("There may be room in 7 s.")
    problem.get_by_role("button", name="Try again").click()
    steps.heading(page, "Prepare").wait_for()


def test_unknown_card_leads_back_to_the_cards(page: Page) -> None:
    def with_a_card_that_is_gone(route: Route) -> None:
        answer = route.fetch()
        cards = answer.json()["cards"]
        route.fulfill(response=answer, json={"cards": [cards[0] | {"id": "taken-off", "title": "Taken off"}, *cards]})

    # Not for one time only: the list of before the reload may still be on its way and would take that time.
    page.route("**/api/cards", with_a_card_that_is_gone)
    page.reload()
    steps.choose(page, "Taken off")
    page.unroute("**/api/cards")
    steps.agree(page)
    problem = page.get_by_role("alertdialog", name="This card is no longer here")
    expect(problem.get_by_role("button", name="Try again")).to_have_count(0)
    problem.get_by_role("button", name="Choose another card").click()
    steps.prepare(page)  # from a new list
    expect(page.get_by_role("button", name="Prepare: Taken off")).to_have_count(0)


class Network:
    """What lies between a page and the server: hands on every message, can be cut, and can slip a message in."""

    def __init__(self, page: Page) -> None:
        self._page_side: WebSocketRoute
        self._server_side: WebSocketRoute
        page.route_web_socket("**/v1/realtime**", self._join)

    def _join(self, page_side: WebSocketRoute) -> None:
        self._page_side, self._server_side = page_side, page_side.connect_to_server()

    def cut(self) -> None:
        """End the connection on both sides, without a word of the protocol."""
        self._page_side.close(code=1011)
        self._server_side.close(code=1000)  # a goodbye, so that the session is over

    def slip_in(self, message: dict[str, Any]) -> None:
        """Have the page receive a message that the server did not send."""
        self._page_side.send(json.dumps(message))


def test_a_problem_the_page_does_not_know_is_told_in_the_servers_words(page: Page) -> None:
    network = Network(page)
    steps.prepare(page)
    steps.start(page)
    text = "Please speak a little slower."
    network.slip_in({"type": "interlocutor.problem", "code": "something.new", "message": text})
    expect(page.locator(".notice")).to_have_text(text)


def test_advice_on_the_sound_is_shown_once_and_goes_away(page: Page) -> None:
    network = Network(page)
    steps.prepare(page)
    steps.start(page)
    advice = {"type": "interlocutor.sound.advice", "kind": "faint", "message": "", "speech_dbfs": -51.0}
    advice |= {"above_room_db": None, "clipped_share": 0.0}
    network.slip_in(advice)
    expect(page.locator(".notice")).to_have_text(
        "We can hardly hear you. Move closer to the microphone, or turn it up.", timeout=20_000
    )
    network.slip_in(advice)
    expect(page.locator(".notice")).to_have_count(0, timeout=15_000)


def test_a_session_that_the_server_has_forgotten_is_opened_again(browser: Browser, server: ServerProcess) -> None:
    def with_a_token_of_another_day(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"token": "of-another-day"})

    refused = ("WebSocket connection to",)  # as it ought to be
    with visiting(browser, server.url, allowed=refused) as page:
        page.route("**/api/sessions", with_a_token_of_another_day, times=1)
        steps.prepare(page)
        page.get_by_role("textbox", name="Notes").fill("kept")
        page.get_by_role("button", name="Start now").click()
        steps.in_state(page, "listening", "hearing", "thinking", "speaking")
        expect(page.get_by_role("textbox", name="Notes")).to_have_value("kept")


def test_connection_lost_and_the_servers_account_fetched_later(page: Page) -> None:
    network = Network(page)
    steps.prepare(page)
    steps.start(page)
    steps.in_state(page, "speaking")
    page.route("**/api/sessions/**", lambda route: route.abort())
    network.cut()
    steps.afterwards(page)
    expect(page.get_by_text("The connection was lost.")).to_be_visible()
    expect(page.get_by_role("region", name="What was said")).to_contain_text(steps.HEARD[:5])
    expect(page.get_by_text("We can't get the summary")).to_be_visible()
    page.unroute("**/api/sessions/**")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("region", name="What the patient told you")).to_be_visible()
    expect(page.get_by_role("region", name="What was said")).to_contain_text(steps.HEARD[:5])
