"""The examiners' desk in a real browser, beside a candidate in another window: seen, heard, noted, and gone through."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.process import ServerProcess
from tests.browser import steps
from tests.browser.axe import violations
from tests.browser.chromium import visiting
from tests.browser.examiners import at_the_desk

pytestmark = pytest.mark.browser

MARK_WORDS = """() => {
  const words = document.querySelectorAll(".turn-candidate .word");
  getSelection().setBaseAndExtent(words[0].firstChild, 0, words[2].firstChild, 1);
}"""


def follow_who_reads(desk: Page) -> None:
    """Follow who reads the card now; others with the same card may have left and be on the list still."""
    row = desk.locator(".live-row").filter(has_text="Reads the card").filter(has_text=steps.WOUND)
    expect(row).to_have_count(1)
    row.get_by_role("button", name=f"Follow: {steps.WOUND}").click()


def test_an_examiner_follows_hears_and_notes_and_goes_through_it_again(browser: Browser, server: ServerProcess) -> None:
    with (
        visiting(browser, server.url) as candidate,
        at_the_desk(browser, server, viewport={"width": 1280, "height": 900}) as desk,
    ):
        steps.prepare(candidate)
        follow_who_reads(desk)
        expect(desk.locator(".follow-status")).to_contain_text("has not begun yet")
        steps.start(candidate)
        expect(candidate.get_by_text("Somebody follows this practice")).to_be_visible()

        # What the candidate says and hears is here, with what it was taken for; and so are the cues.
        said = desk.get_by_role("group", name="What is said")
        expect(said.locator(".caption-candidate").first).to_contain_text(steps.HEARD.split()[0], ignore_case=True)
        expect(said.locator(".caption-patient").first).to_be_visible()
        expect(said.get_by_text("Understood as:").first).to_be_visible()
        expect(desk.locator(".cue").first).to_have_attribute("data-state", re.compile("told|next|waiting"))

        # Figures so far, with what they mean; the server's come after a turn.
        figures = desk.get_by_role("region", name="So far")
        expect(figures.locator(".figures").get_by_text("Fillers", exact=True)).to_be_visible()
        expect(figures.get_by_text("too little was said").first).to_be_visible()
        figures.get_by_text("How these are counted").press("Enter")
        expect(figures.get_by_text("Recognisers leave most of them out")).to_be_visible()

        # Both voices.
        desk.get_by_role("button", name="Listen", exact=True).click()
        expect(candidate.get_by_text("Somebody listens to this practice now.")).to_be_visible()
        desk.wait_for_function("() => loudness() > 0.01")
        expect(desk.get_by_text("You hear it live.")).to_be_visible()
        assert violations(desk) == []

        # By one key each; what is written is text, whatever it looks like.
        desk.keyboard.press("b")
        expect(desk.locator(".note-bookmark")).to_have_count(1)
        desk.keyboard.press("n")
        desk.keyboard.type("Good <b>opening</b> 😀 bin")
        desk.keyboard.press("Control+Enter")
        expect(desk.locator(".note-note .note-text")).to_have_text("Note: Good <b>opening</b> 😀 bin")
        desk.get_by_label("Use single keys").uncheck()
        desk.locator("h1").click()
        desk.keyboard.press("b")
        expect(desk.locator(".note-bookmark")).to_have_count(1)
        desk.get_by_label("Use single keys").check()

        # The page is loaded again in the midst of it: everything is there, once.
        lines = said.locator(".caption").count()
        desk.reload()
        expect(said.locator(".caption").nth(lines - 1)).to_be_visible()
        expect(desk.locator(".note-text")).to_have_count(2)

        steps.end(candidate)
        expect(desk.locator(".follow-status")).to_have_text("The role-play is over.")
        desk.get_by_role("button", name="Listen to it again").click()
        desk.get_by_role("heading", name="What was said").wait_for()
        desk.get_by_role("button", name="Play", exact=True).wait_for()
        expect(desk.get_by_role("heading", name="Cues")).to_be_visible()
        measures = desk.get_by_role("region", name="Measures")
        measures.locator("summary").first.press("Enter")
        expect(measures.get_by_text("divided by the length of these turns")).to_be_visible()
        assert violations(desk) == []

        # Words that are marked in the text are picked as evidence, on the picture of the sound too.
        desk.evaluate(MARK_WORDS)
        expect(desk.locator(".word-picked").nth(1)).to_be_visible()
        expect(desk.locator(".waveform-picked")).to_be_visible()
        expect(desk.locator(".picking .evidence-text")).to_contain_text("word2")
        desk.evaluate("() => getSelection().empty()")

        # From a note to its sound, faster and in the same voice; by keyboard alone.
        desk.get_by_label("Speed").select_option("2")
        desk.locator(".note .button-time").first.press("Enter")
        desk.wait_for_function("() => loudness() > 0.01")
        desk.locator("h1").focus()
        desk.keyboard.press("Space")
        expect(desk.get_by_role("button", name="Play", exact=True)).to_be_visible()
        at = desk.locator(".player-time").text_content()
        desk.keyboard.press("ArrowLeft")
        expect(desk.locator(".player-time")).not_to_have_text(at or "")
        desk.get_by_role("button", name="Back to the list").click()
        expect(desk.get_by_role("button", name=re.compile(f"Open: {steps.WOUND}")).first).to_be_visible()
        assert violations(desk) == []


def test_on_a_phone_in_the_dark_nothing_is_cut_off(browser: Browser, server: ServerProcess) -> None:
    phone: dict[str, Any] = {"viewport": {"width": 320, "height": 640}, "color_scheme": "dark"}
    with visiting(browser, server.url) as candidate, at_the_desk(browser, server, **phone) as desk:
        steps.prepare(candidate)
        follow_who_reads(desk)
        steps.start(candidate)
        expect(desk.locator(".caption").first).to_be_visible()
        assert desk.evaluate("() => document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert violations(desk) == []
        # Somebody who is no examiner any more is told so.
        desk.evaluate("() => sessionStorage.setItem('interlocutor.desk.key', 'gone')")
        desk.reload()
        expect(desk.get_by_label("Developer key")).to_be_visible()
        steps.end(candidate)
