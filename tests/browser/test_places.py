"""A place that nobody needs any more is free at once: after another choice, a closed tab, a tab that died."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.app.process import ServerProcess, running
from tests.browser import steps
from tests.browser.chromium import visiting
from tests.browser.conftest import BRISK
from tests.browser.places import free_after_s, has_room, preparing
from tests.nightly import NIGHTLY, by_night

pytestmark = pytest.mark.browser

ROUNDS = 20 if NIGHTLY else 4
FREE_WITHIN_S = 2.0
SILENT_S = 6
ONE_PLACE = ("server.max_sessions=1", "server.reservations.burst=1000", f"server.reservations.silent_s={SILENT_S}")


@pytest.fixture(scope="module")
def small_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with one place."""
    with running(tmp_path_factory.mktemp("one"), *BRISK, *ONE_PLACE) as server:
        yield server


def test_ones_own_place_is_never_in_ones_way(browser: Browser, small_server: ServerProcess) -> None:
    with visiting(browser, small_server.url) as page:
        for number in range(ROUNDS):
            steps.prepare(page, (steps.WOUND, steps.INHALER)[number % 2])
            page.get_by_role("button", name="Choose another card").click()
            steps.heading(page, "Choose a role-play").wait_for()
        assert free_after_s(small_server.url, 10.0) <= FREE_WITHIN_S


def test_a_closed_tab_gives_its_place_to_whoever_asks(browser: Browser, small_server: ServerProcess) -> None:
    for _ in range(ROUNDS):
        with preparing(browser, small_server.url) as page:
            assert not has_room(small_server.url)
            page.close(run_before_unload=True)
            assert free_after_s(small_server.url, 10.0) <= FREE_WITHIN_S


@by_night
def test_a_tab_that_died_gives_its_place_up_soon(browser: Browser, small_server: ServerProcess) -> None:
    with preparing(browser, small_server.url) as page:
        assert not has_room(small_server.url)
        page.context.new_cdp_session(page).send("Page.stopLoading")
        page.context.set_offline(True)  # it says nothing any more, not even goodbye
        assert free_after_s(small_server.url, 40.0) <= SILENT_S + 5.0


@by_night
def test_whoever_waits_is_told_the_truth_and_gets_the_next_place(browser: Browser, small_server: ServerProcess) -> None:
    with preparing(browser, small_server.url) as holder, visiting(browser, small_server.url) as page:
        steps.choose(page)
        steps.agree(page)
        full = page.get_by_role("alertdialog", name="Every place is taken")
        expect(full).to_contain_text("1 person is reading a card.")
        expect(full.get_by_role("status")).to_have_text("You are next.")
        with visiting(browser, small_server.url) as second:
            steps.choose(second)
            steps.agree(second)
            expect(second.get_by_role("status").filter(has_text="You are number 2 in the line.")).to_be_visible()
            holder.get_by_role("button", name="Choose another card").click()
            steps.heading(page, "Prepare").wait_for()
            expect(full).to_have_count(0)
            expect(second.get_by_role("status").filter(has_text="You are next.")).to_be_visible()
            second.get_by_role("button", name="Choose another card").last.click()
            steps.heading(second, "Choose a role-play").wait_for()


def test_a_place_that_somebody_else_got_meanwhile_is_asked_for_again(
    browser: Browser, small_server: ServerProcess
) -> None:
    with visiting(browser, small_server.url) as page:
        steps.prepare(page)
        page.get_by_role("textbox", name="Notes").fill("kept")
        page.context.set_offline(True)
        free_after_s(small_server.url, 40.0)
        page.context.set_offline(False)
        page.get_by_role("button", name="Start now").click()
        steps.in_state(page, "listening", "hearing", "thinking", "speaking")
        expect(page.get_by_role("textbox", name="Notes")).to_have_value("kept")
