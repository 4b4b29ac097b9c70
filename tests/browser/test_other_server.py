"""The page when the server dies that holds its role-play: another one goes on with it, and the page says so."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from server.records.holder import SharedHolder
from tests import postgres
from tests.app.process import faults_of
from tests.app.several import NAMES, two
from tests.browser import steps
from tests.browser.chromium import visiting
from tests.browser.conftest import BRISK
from tests.browser.examiners import at_the_desk

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(bool(postgres.lacking()), reason=str(postgres.lacking())),
]

# What the browser says of the death, and the page of an answer that came too soon.
ALLOWED = ("WebSocket connection to", "Failed to load resource", "The server refused a message.")


@pytest.mark.parametrize("calls", [False, True], ids=["WebSocket", "call"])
def test_a_role_play_outlives_its_server(browser: Browser, tmp_path: Path, calls: bool) -> None:
    with two(tmp_path, *BRISK) as (servers, _):
        with visiting(browser, servers[1].url, allowed=ALLOWED, calls=calls) as page:
            steps.prepare(page)
            steps.start(page)
            steps.in_state(page, "speaking")
            # The leader is the first to be started, and takes the first role-play.
            assert SharedHolder.held_by(tmp_path, NAMES[0])
            (session_id,) = SharedHolder.held_by(tmp_path, NAMES[0])
            os.kill(servers[0].process.pid, signal.SIGKILL)
            # The page is back so soon that it hardly shows that it was away.
            servers[1].wait_for(lambda: servers[1].logged("session_restored"))
            answers = page.locator(".caption-patient").count()
            expect(page.locator(".caption-patient")).to_have_count(answers + 1)
            steps.end(page)
        kinds = [entry.envelope.type for entry in servers[1].entries(session_id)]
        went_on = kinds[kinds.index("session_restored") :]
        assert "reply_finished" in went_on
        assert kinds[-1] == "session_ended"
        assert faults_of(servers[1]) == []


def test_an_examiner_goes_on_following_it(browser: Browser, tmp_path: Path) -> None:
    with two(tmp_path, *BRISK) as (servers, _):
        with (
            visiting(browser, servers[1].url, allowed=ALLOWED) as candidate,
            at_the_desk(browser, servers[1], allowed=ALLOWED) as desk,
        ):
            steps.prepare(candidate)
            desk.get_by_role("button", name=f"Follow: {steps.WOUND}").click()
            steps.start(candidate)
            desk.get_by_role("button", name="Listen", exact=True).click()
            expect(desk.get_by_text("You hear it live.")).to_be_visible()
            desk.keyboard.press("b")
            expect(desk.locator(".note-bookmark")).to_have_count(1)
            steps.in_state(candidate, "speaking")
            os.kill(servers[0].process.pid, signal.SIGKILL)
            # Notes that are written meanwhile wait until they can be kept.
            desk.keyboard.press("b")
            servers[1].wait_for(lambda: servers[1].logged("session_restored"))
            said = desk.get_by_role("group", name="What is said").locator(".caption-patient")
            answers = said.count()
            expect(said).to_have_count(answers + 1)
            expect(desk.get_by_text("You hear it live.")).to_be_visible()
            expect(desk.locator(".note-bookmark")).to_have_count(2)
            steps.end(candidate)
            expect(desk.locator(".follow-status")).to_have_text("The role-play is over.")
            desk.reload()
            expect(desk.locator(".note-bookmark")).to_have_count(2)
        assert faults_of(servers[1]) == []
