"""The second agreement, where a remote mind words the replies: by choice, by name, and kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.app.process import running
from tests.browser import steps
from tests.browser.chromium import visiting
from tests.browser.conftest import BRISK, MANY
from tests.browser.wire import Wire
from tests.fakes.provider import running_provider

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("agrees", [True, False])
def test_a_remote_mind_is_agreed_to_in_a_box_of_its_own(browser: Browser, tmp_path: Path, agrees: bool) -> None:
    with running_provider(key="") as provider:
        remote = (
            "engines.responder=remote",
            f"engines.remote.ollama_hosts=127.0.0.1:{provider.port}",
            "engines.remote.model=test-model",
        )
        with running(tmp_path, *BRISK, MANY, *remote) as server, visiting(browser, server.url) as page:
            wire = Wire(page)
            steps.choose(page)
            box = page.get_by_role("checkbox", name="sent as text to Ollama (the operator's own network)")
            expect(box).not_to_be_checked()
            expect(page.get_by_text("You can leave this second box empty.")).to_be_visible()
            if agrees:
                box.check()
            steps.agree(page)
            steps.heading(page, "Prepare").wait_for()
            steps.start(page)
            steps.in_state(page, "speaking")
            session = next(m["session"]["id"] for m in wire.received if m["type"] == "session.created")
            steps.end(page)
            kept = {entry.envelope.type: entry.payload for entry in server.entries(session)}
    consent, asked = kept["consent_given"], kept["remote_mind_asked"]
    assert consent is not None
    assert asked is not None
    assert (consent["provider"] == "Ollama") is agrees
    assert ("Ollama (the operator's own network)" in consent["text"]) is agrees
    assert (asked["reason"] == "remote.consent") is not agrees
    assert bool(provider.asked) is agrees
