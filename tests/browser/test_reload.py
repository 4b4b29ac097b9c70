"""A page that is loaded anew goes on with its role-play, one that another tab took it from says so."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Browser, Page, expect

from pipelines.events import ClauseSpoken, SessionEnded, SessionStarted
from tests.app.process import ServerProcess
from tests.browser import steps
from tests.browser.chromium import PATIENCE, visiting
from tests.nightly import NIGHTLY

pytestmark = pytest.mark.browser

AUDIBLE = "() => loudness() > 0.01"
KEPT = "sessionStorage.getItem('interlocutor.visit')"
GO_ON = "Go on with your role-play"
# Over a call the same words come by another channel: once a night is enough.
TABS = (False, True) if NIGHTLY else (False,)


def left_s(page: Page) -> int:
    """Return what the clock shows."""
    minutes, seconds = str(page.get_by_role("timer").text_content()).split(":")
    return 60 * int(minutes) + int(seconds)


def session_of(page: Page) -> str:
    """Return the id of the session that the page keeps."""
    return str(page.evaluate(f"JSON.parse({KEPT}).session.id"))


def log_of(server: ServerProcess, session_id: str) -> list[tuple[str, dict[str, object]]]:
    return [(entry.envelope.type, entry.payload or {}) for entry in server.entries(session_id)]


@pytest.mark.parametrize("calls", [False, True], ids=["websocket", "webrtc"])
def test_reloaded_in_the_midst_of_the_patients_line(browser: Browser, server: ServerProcess, calls: bool) -> None:
    with visiting(browser, server.url, calls=calls, scripts=(PATIENCE,)) as page:
        steps.prepare(page)
        page.get_by_role("textbox", name="Notes").fill("kept")
        steps.start(page)
        steps.in_state(page, "speaking")
        page.wait_for_function(AUDIBLE)
        session, before_s, at_s = session_of(page), left_s(page), time.monotonic()
        page.reload()
        steps.heading(page, "Your role-play is waiting").wait_for()
        expect(page.get_by_text(steps.WOUND)).to_be_visible()
        assert left_s(page) <= before_s
        page.get_by_role("button", name=GO_ON).click()
        steps.in_state(page, "speaking")
        page.wait_for_function(AUDIBLE)
        expect(page.locator(".caption-candidate").first).to_contain_text(steps.HEARD[:5])
        expect(page.locator(".caption-patient").first).to_contain_text(steps.REPLY[:8])
        expect(page.get_by_role("textbox", name="Notes")).to_have_value("kept")
        # The clock went on meanwhile, at its pace.
        now_s = left_s(page)
        assert before_s - (time.monotonic() - at_s) - 2 <= now_s <= before_s
        steps.in_state(page, "listening", "hearing", "thinking")
        assert bool(page.evaluate("calls.length")) is calls
        steps.end(page)
        assert page.evaluate(KEPT) is None
        page.reload()
        steps.afterwards(page)  # what is over has an address of its own
    log = log_of(server, session)
    clauses = [payload["text"] for kind, payload in log if kind == ClauseSpoken.type_name() and payload["reply"] == 1]
    assert len(clauses) == len(set(clauses))
    assert sum(kind == SessionStarted.type_name() for kind, _ in log) == 1


def test_reloaded_while_preparing_and_when_it_was_let_go(page: Page) -> None:
    steps.prepare(page)
    page.get_by_role("textbox", name="Notes").fill("kept")
    expect(page.get_by_role("timer")).to_have_text("2:58")
    page.reload()
    steps.heading(page, "You were preparing").wait_for()
    assert left_s(page) <= 178
    page.get_by_role("button", name="Go on preparing").click()
    steps.heading(page, "Prepare").wait_for()
    expect(page.get_by_role("textbox", name="Notes")).to_have_value("kept")
    expect(page.get_by_role("article", name=steps.WOUND)).to_be_visible()
    assert left_s(page) <= 178
    page.get_by_role("textbox", name="Notes").fill("kept on")
    assert page.evaluate(f"JSON.parse({KEPT}).notes") == "kept on"
    page.evaluate(f"sessionStorage.setItem('interlocutor.visit', {KEPT}.replace(/ek_[^\"]*/, 'ek_of-another-day'))")
    page.reload()
    steps.heading(page, "You were preparing").wait_for()
    page.get_by_role("button", name="Go on preparing").click()
    steps.start(page)  # with another place
    expect(page.get_by_role("textbox", name="Notes")).to_have_value("kept on")


def test_leaving_a_role_play_that_waits_is_asked_first(page: Page) -> None:
    steps.prepare(page)
    steps.start(page)
    steps.in_state(page, "speaking")
    page.reload()
    steps.heading(page, "Your role-play is waiting").wait_for()
    question = page.get_by_role("dialog", name="End the role-play?")
    page.evaluate("history.back()")
    question.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("button", name=GO_ON)).to_be_visible()
    page.get_by_role("button", name="Choose another card").click()
    question.get_by_role("button", name="End it").click()
    steps.afterwards(page)
    # It shows what was said, as the question promised.
    expect(page.get_by_role("region", name="What was said")).to_contain_text(steps.HEARD[:5])
    assert page.evaluate(KEPT) is None


@pytest.mark.parametrize("calls", TABS)
def test_of_two_tabs_the_newer_has_it_until_the_older_takes_it_back(
    browser: Browser, server: ServerProcess, calls: bool
) -> None:
    with visiting(browser, server.url, calls=calls) as older:
        steps.prepare(older)
        steps.start(older)
        session = session_of(older)
        with older.expect_popup() as opened:  # as a tab that is duplicated
            older.evaluate("() => { open(location.href); }")
        newer = opened.value
        newer.get_by_role("button", name=GO_ON).click()
        steps.in_state(newer, "listening", "hearing", "thinking", "speaking")
        steps.heading(older, "This role-play is open in another tab").wait_for()
        expect(older.get_by_text("Go to that tab to continue")).to_be_visible()
        assert older.evaluate(KEPT) is None
        older.get_by_role("button", name="Go on here").click()
        steps.heading(newer, "This role-play is open in another tab").wait_for()
        steps.in_state(older, "listening", "hearing", "thinking", "speaking")
        newer.evaluate("location.hash = ''")  # by the address: it leads away as Back and the button do
        steps.heading(newer, "Choose a role-play").wait_for()
        steps.end(older)
    kinds = [kind for kind, _ in log_of(server, session)]
    assert kinds.count(SessionEnded.type_name()) == 1
