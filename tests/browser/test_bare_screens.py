"""Screens with little to show or little room for it: silence, a late recording, a second tab, huge text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.app.process import ServerProcess
from tests.browser import steps
from tests.browser.axe import violations
from tests.browser.chromium import visiting
from tests.browser.microphone import speaking_when_told

pytestmark = pytest.mark.browser

TEXT_OF = "size => (document.documentElement.style.fontSize = size)"
# 400 % of a window of 1280 by 1024 pixels is laid out as this.
FOUR_TIMES: Any = {"width": 320, "height": 256}
LAPTOP: Any = {"width": 1280, "height": 800}


def test_who_never_spoke_is_told_so_and_can_try_again(browser: Browser, server: ServerProcess) -> None:
    with visiting(browser, server.url, scripts=(speaking_when_told(()),)) as page:
        steps.prepare(page)
        steps.start(page)
        steps.end(page)
        expect(page.get_by_text("We understood nothing. Check the microphone before you try again.")).to_be_visible()
        expect(page.locator(".coaching")).to_be_visible()
        expect(page.locator(".coaching")).not_to_contain_text("NaN")
        assert violations(page) == []
        page.get_by_role("button", name="Same card again").click()
        steps.heading(page, "Prepare").wait_for()


def test_what_was_said_is_there_while_the_recording_still_joins(page: Page) -> None:
    late = [True]

    def not_yet(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        if late[0] and "recording" in body:
            body["recording"]["state"] = "joining"
        route.fulfill(response=answer, body=json.dumps(body))

    page.route("**/record", not_yet)
    steps.prepare(page)
    steps.start(page)
    steps.in_state(page, "speaking")
    steps.in_state(page, "listening")
    steps.end(page)
    expect(page.get_by_role("region", name="What was said")).to_contain_text(steps.HEARD[:5])
    expect(page.get_by_role("button", name="Play", exact=True)).to_have_count(0)
    expect(page.locator(".panel-listen").get_by_role("status")).to_have_text("The recording is nearly ready…")
    assert violations(page) == []
    late[0] = False
    steps.recording(page)


def test_two_tabs_on_the_same_history(page: Page) -> None:
    steps.prepare(page)
    steps.start(page)
    steps.in_state(page, "speaking")
    steps.end(page)
    second = page.context.new_page()
    second.goto(page.url.partition("#")[0] + "#/role-plays")
    entry = second.get_by_role("button", name=f"Open: {steps.WOUND}")
    entry.wait_for()
    page.get_by_role("button", name="Delete this role-play").click()
    page.get_by_role("button", name="Delete it").click()
    page.get_by_role("heading", name="Deleted").wait_for()
    # The other tab still shows it, and says what has become of it.
    entry.click()
    steps.heading(second, "This role-play can't be opened here").wait_for()
    second.get_by_role("button", name="Choose a role-play").click()
    expect(second.get_by_role("region", name="Go on")).to_have_count(0)
    second.close()


def test_huge_text_and_forced_colours_on_every_other_screen(page: Page) -> None:
    def check(what: str) -> None:
        wide, room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        if wide > room:
            wrong.append(f"{page.title()}, {what}: {wide} pixels wide where there are {room}")
        wrong.extend(f"{page.title()}, {what}: {each}" for each in violations(page))

    def look() -> None:
        page.evaluate(TEXT_OF, "200%")
        check("text of 200 %")
        page.evaluate(TEXT_OF, "")
        page.set_viewport_size(FOUR_TIMES)
        check("400 %")
        page.emulate_media(forced_colors="active")
        check("400 %, forced colours")
        page.emulate_media(forced_colors="none")
        page.set_viewport_size(LAPTOP)

    wrong: list[str] = []
    steps.heading(page, "Choose a role-play").wait_for()
    look()
    steps.choose(page)
    look()
    steps.agree(page)
    steps.heading(page, "Prepare").wait_for()
    look()
    steps.start(page)
    steps.in_state(page, "speaking")
    steps.end(page)
    steps.recording(page)
    look()
    page.get_by_role("button", name="Choose another card").click()
    page.get_by_role("button", name="Your role-plays (1)").click()
    page.locator(".history-entry").wait_for()
    look()
    assert wrong == []
