"""After an answer the page tells, to who wants to know, where the time before it went."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from pipelines.events import ReplyFinished, ReplyStarted
from tests.app.process import ServerProcess
from tests.browser import steps
from tests.browser.machine import Share
from tests.browser.wire import Wire

pytestmark = pytest.mark.browser

TITLE = "Timing of the last answer"


def test_the_timing_of_the_last_answer_is_there_for_who_opens_it(page: Page, server: ServerProcess) -> None:
    share = Share()
    steps.prepare(page)
    wire = Wire(page)
    steps.start(page)
    summary = page.get_by_text(TITLE)
    whole = page.get_by_text("the patient answered after")
    steps.in_state(page, "speaking")
    expect(whole).to_be_hidden()
    steps.more(page)
    summary.focus()
    page.keyboard.press("Enter")
    expect(whole).to_be_visible()
    told = next(event for event in wire.received if event["type"] == "interlocutor.turn.timeline")
    expect(whole).to_contain_text(f"after {round(told['audible_ms'] / 10) / 100:.2f} s")
    parts = page.locator(".timing-parts li").all_text_contents()
    assert "to be sure that you had finished" in parts[0]
    seconds = [float(part) for part in re.findall(r"(\d+\.\d\d) s ", " ".join(parts))]
    assert sum(seconds) == pytest.approx(told["audible_ms"] / 1000, abs=0.011)
    expect(page.locator(".timing-bar")).to_have_attribute("aria-hidden", "true")
    # What was heard is known at once, so that the floor is the candidate's when the patient has finished.
    session = next(event["session"]["id"] for event in wire.received if event["type"] == "session.created")
    steps.in_state(page, "listening")
    steps.end(page)
    logged = {entry.envelope.type: entry for entry in server.entries(session)}
    heard = logged[ReplyFinished.type_name()]
    assert heard.payload is not None
    assert not heard.payload["estimated"]
    took_ms = heard.envelope.session_ms - logged[ReplyStarted.type_name()].envelope.session_ms
    if share.had:
        assert took_ms < heard.payload["played_ms"] + 800
