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

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(bool(postgres.lacking()), reason=str(postgres.lacking())),
]


@pytest.mark.parametrize("calls", [False, True], ids=["WebSocket", "call"])
def test_a_role_play_outlives_its_server(browser: Browser, tmp_path: Path, calls: bool) -> None:
    # What the browser says of the death, and the page of an answer that came too soon.
    allowed = ("WebSocket connection to", "Failed to load resource", "The server refused a message.")
    with two(tmp_path, *BRISK) as (servers, _):
        with visiting(browser, servers[1].url, allowed=allowed, calls=calls) as page:
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
