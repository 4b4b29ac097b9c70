"""Role-plays that one comes back to: on the same page, on another day, in a browser that keeps little or nothing."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.process import ServerProcess
from tests.browser import steps
from tests.browser.axe import violations
from tests.browser.chromium import visiting
from tests.nightly import by_night

pytestmark = pytest.mark.browser

JOURNAL = "interlocutor.role-plays"
FIRST_SCREEN_MS = 1000.0
# The page thinks that it is this much later.
TOMORROW = "const now = Date.now; Date.now = () => now() + 86400000;"


def hold(page: Page) -> str:
    """Hold a short role-play; return the address of what came of it."""
    steps.prepare(page)
    steps.start(page)
    steps.in_state(page, "speaking")
    steps.in_state(page, "listening")
    steps.end(page)
    return page.url


def keep(page: Page, entries: list[dict[str, Any]]) -> None:
    """Have the browser keep these role-plays, and load the page again."""
    page.evaluate("([key, text]) => localStorage.setItem(key, text)", [JOURNAL, json.dumps(entries)])
    page.reload()
    steps.heading(page, "Choose a role-play").wait_for()


def entry(number: int, **more: Any) -> dict[str, Any]:
    began_ms = 1000 * time.time() - 86_400_000 * number
    known = {"id": f"sess_{number:020x}", "token": "ek_x", "card_id": "nursing-leg-wound", "mode": "practice"}
    return {
        **known,
        "card_title": steps.WOUND,
        "began_ms": began_ms,
        "told": 4,
        "all": 9,
        "missed": ["Smoking"],
        **more,
    }


def test_what_is_over_has_an_address_that_lasts(browser: Browser, server: ServerProcess) -> None:
    with visiting(browser, server.url) as page:
        address = hold(page)
        assert "#/role-play/sess_" in address
        page.reload()
        steps.afterwards(page)
        expect(page.get_by_role("region", name="What was said")).to_contain_text(steps.HEARD[:5])
        page.context.add_init_script(TOMORROW)
        page.goto("about:blank")
        page.goto(address)
        steps.afterwards(page)
        page.go_back()
        page.go_forward()
        steps.afterwards(page)
        page.get_by_role("button", name="Choose another card").click()
        again = page.get_by_role("region", name="Go on")
        expect(again).to_contain_text(f"Last time: {steps.WOUND}")
        expect(page.locator(".card-tile", has_text=steps.WOUND)).to_contain_text("Your best: ")
        again.get_by_role("button", name="Your role-plays (1)").click()
        expect(page.locator(".history-entry")).to_contain_text("of 9 things found out")
        assert violations(page) == []
        page.get_by_role("button", name=f"Open: {steps.WOUND}").click()
        steps.afterwards(page)
        page.get_by_role("button", name="Delete this role-play").click()
        page.get_by_role("button", name="Delete it").click()
        page.get_by_role("heading", name="Deleted").wait_for()
        page.reload()
        # Another browser's, or one whose entry is gone: nothing opens it any more.
        steps.heading(page, "This role-play can't be opened here").wait_for()
        assert violations(page) == []
        page.get_by_role("button", name="Choose a role-play").click()
        expect(page.get_by_role("region", name="Go on")).to_have_count(0)


def test_back_stays_in_the_product(page: Page) -> None:
    steps.choose(page)
    page.go_back()
    steps.heading(page, "Choose a role-play").wait_for()
    page.go_forward()
    steps.heading(page, "Before you start").wait_for()
    steps.agree(page)
    steps.heading(page, "Prepare").wait_for()
    page.go_back()
    steps.heading(page, "Choose a role-play").wait_for()
    steps.prepare(page)
    steps.start(page)
    page.evaluate("history.back()")
    question = page.get_by_role("dialog", name="End the role-play?")
    question.get_by_role("button", name="Go on").click()
    expect(page.locator(".screen-talk")).to_be_visible()
    steps.end(page)
    page.go_back()
    steps.heading(page, "Choose a role-play").wait_for()


@by_night
def test_two_hundred_role_plays_are_soon_there(page: Page) -> None:
    keep(page, [entry(number) for number in range(200)])
    took_ms: float = page.evaluate(
        """async () => {
            const began = performance.now();
            const { Journal } = await import("/static/core/journal.js");
            const { chooseScreen } = await import("/static/screens/choose.js");
            const { cards } = await (await fetch("/api/cards")).json();
            const entries = new Journal(localStorage).entries;
            const preference = { mode: "practice", profession: "" };
            chooseScreen({ cards, info: null, preference, modes: ["practice"], held: entries, count: entries.length });
            return performance.now() - began;
        }"""
    )
    assert took_ms < FIRST_SCREEN_MS
    expect(page.get_by_text("200 days in a row.")).to_be_visible()
    page.get_by_role("button", name="Your role-plays (200)").click()
    expect(page.locator(".history-entry")).to_have_count(20)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator(".history-entry")).to_have_count(40)
    assert violations(page) == []


def test_one_whose_record_is_gone_says_so_and_leads_on(page: Page) -> None:
    keep(page, [entry(1), entry(2, card_id="gone", card_title="A card of before")])
    page.get_by_role("button", name="Your role-plays (2)").click()
    page.get_by_role("button", name=f"Open: {steps.WOUND}").click()
    steps.heading(page, "This role-play is not kept any more").wait_for()
    page.get_by_role("button", name="Same card again").click()
    steps.heading(page, "Before you start").wait_for()
    page.get_by_role("button", name="Choose another card").click()
    expect(page.get_by_role("button", name="Your role-plays (1)")).to_be_visible()


@by_night
def test_a_shared_computer_forgets_everything(page: Page) -> None:
    keep(page, [entry(1)])
    page.get_by_label("Exam").check()
    steps.choose(page)
    page.get_by_role("button", name="Choose another card").click()
    page.get_by_role("button", name="Your role-plays (1)").click()
    expect(page.get_by_text("This list is kept in this browser only.")).to_be_visible()
    page.get_by_role("button", name="Forget everything here").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget it").click()
    steps.heading(page, "Choose a role-play").wait_for()
    assert page.evaluate("Object.keys(localStorage)") == []
    expect(page.get_by_role("region", name="Go on")).to_have_count(0)


@by_night
@pytest.mark.parametrize("fault", ["forbidden", "full"])
def test_a_browser_that_keeps_nothing_still_works(browser: Browser, server: ServerProcess, fault: str) -> None:
    scripts = {
        "forbidden": """for (const name of ["localStorage", "sessionStorage"])
            Object.defineProperty(window, name, { get() { throw new DOMException("", "SecurityError"); } });""",
        "full": "Storage.prototype.setItem = () => { throw new DOMException('', 'QuotaExceededError'); };",
    }
    with visiting(browser, server.url, scripts=(scripts[fault],)) as page:
        hold(page)
        page.get_by_role("button", name="Choose another card").click()
        page.get_by_role("button", name="Your role-plays (1)").click()
        expect(page.get_by_text("This browser keeps nothing")).to_be_visible()
        page.get_by_role("button", name="Forget everything here").click()
        page.get_by_role("dialog").get_by_role("button", name="Forget it").click()
        steps.heading(page, "Choose a role-play").wait_for()


@pytest.mark.parametrize(
    ("code", "title", "direction"), [("de", "Wählen Sie ein Rollenspiel", "ltr"), ("ar", "اختر محادثة", "rtl")]
)
def test_the_page_in_another_language(page: Page, code: str, title: str, direction: str) -> None:
    page.get_by_label("Language").select_option(code)
    steps.heading(page, title).wait_for()
    expect(page.locator("html")).to_have_attribute("dir", direction)
    expect(page.locator("html")).to_have_attribute("lang", code)
    assert violations(page) == []
    page.set_viewport_size({"width": 360, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
