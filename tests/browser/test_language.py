"""The page in other languages: what one agrees to is shown, and kept, in the language that was chosen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.app.process import ServerProcess
from tests.browser import steps
from tests.browser.chromium import visiting
from tests.browser.wire import Wire

CHOSEN = "localStorage.setItem('interlocutor.language', 'CODE');"
PICTURES = os.environ.get("INTERLOCUTOR_PICTURES")
TITLE = "A leg wound that is slow to heal"
# "Prepare", the title of the consent, "I agree", "Continue", "Start now", a word of the first point, and of the checks.
WORDS = {
    "de": (
        "Vorbereiten",
        "Womit Sie einverstanden sind",
        "einverstanden.",
        "Weiter zur Karte",
        "Jetzt beginnen",
        "Computerprogramm",
        "Der Server antwortet in",
    ),
    "ar": (
        "حضّر",
        "ما توافق عليه",
        "أوافق عليه",
        "تابع إلى البطاقة",
        "ابدأ الآن",
        "برنامج حاسوب",
        "يجيب الخادم خلال",
    ),
}


@pytest.mark.parametrize(("code", "direction"), [("de", "ltr"), ("ar", "rtl")])
def test_the_consent_is_agreed_to_in_the_language_that_was_chosen(
    browser: Browser, server: ServerProcess, code: str, direction: str
) -> None:
    prepare, title, agree, go, start, point, answers = WORDS[code]
    with visiting(browser, server.url, scripts=(CHOSEN.replace("CODE", code),)) as page:
        wire = Wire(page)
        assert page.evaluate("() => document.documentElement.dir") == direction
        page.get_by_role("button", name=f"{prepare}: {TITLE}").click()
        consent = page.locator(".panel-consent")
        expect(consent.get_by_role("heading", name=title)).to_be_visible()
        assert (consent.get_attribute("lang"), consent.get_attribute("dir")) == (code, direction)
        expect(page.locator("main")).to_contain_text(answers)
        # All of it, and nothing in English.
        expect(consent).to_contain_text(point)
        expect(consent).not_to_contain_text("We keep")
        if PICTURES:
            page.screenshot(path=Path(PICTURES) / f"consent-{code}.png")
        consent.get_by_role("checkbox").check()
        expect(consent.locator(".agree")).to_contain_text(agree)
        page.get_by_role("button", name=go).click()
        page.get_by_role("button", name=start).click()
        steps.in_state(page, "listening", "hearing", "thinking", "speaking")
        session = next(m["session"]["id"] for m in wire.received if m["type"] == "session.created")
    kept = {entry.envelope.type: entry.payload for entry in server.entries(session)}["consent_given"]
    assert kept is not None
    assert kept["version"].endswith(f"-{code}")
    assert point in kept["text"]
    assert "90" in kept["text"]
