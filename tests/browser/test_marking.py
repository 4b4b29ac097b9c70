"""Two examiners mark an exam blind, differ, and a third decides; in a real browser, with accounts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from server.opinions.evaluator import Evaluation
from server.opinions.session_opinion import SessionOpinion, write_opinion
from tests.app.process import KEY, ServerProcess, faults_of, running
from tests.browser import steps
from tests.browser.axe import violations
from tests.browser.chromium import visiting
from tests.browser.conftest import BRISK, MANY
from tests.browser.examiners import declare_void, drag_over, examine, hold_exam, log_in, mark, sign

pytestmark = pytest.mark.browser

REFUSED = ("Failed to load resource",)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server for people with accounts."""
    with running(tmp_path_factory.mktemp("house"), *BRISK, MANY, "auth.mode=accounts") as server:
        yield server
    assert faults_of(server) == []


def test_two_mark_blind_differ_and_a_third_decides(browser: Browser, house: ServerProcess) -> None:
    exam = hold_exam(house)
    with ExitStack() as stack:
        pages = []
        for login, name in (("eva", "Eva"), ("finn", "Finn <b>"), ("gina", "Gina")):
            page = stack.enter_context(visiting(browser, house.url, first=f"{house.url}/login", allowed=REFUSED))
            log_in(page, house, f"{login}@example.org", name)
            pages.append(page)
        examine(house, exam)
        for page in pages:
            page.goto(f"{house.url}/desk")
            page.get_by_role("heading", name="Live now").wait_for()
            page.get_by_role("button", name="Open: ").first.click()
            page.get_by_role("heading", name="Marks").wait_for()
        eva, finn, gina = pages
        assert exam in eva.url

        # What is lacking is said, and what was chosen is there again after the page was loaded again.
        eva.get_by_role("group", name="Fluency").get_by_role("radio", name="6", exact=True).check()
        eva.get_by_role("button", name="Sign the marks").click()
        expect(eva.locator(".panel-marking > .hint").nth(1)).to_have_text("Give a mark first: Intelligibility.")
        eva.get_by_role("button", name="Play", exact=True).wait_for()
        eva.get_by_role("button", name="Add what is heard now to Fluency").click()
        expect(eva.locator(".evidence-list .button-time")).to_have_count(1)
        # A stretch that is dragged over the picture of the sound, and mended before it is added.
        drag_over(eva, 0.3, 0.6)
        expect(eva.locator(".waveform-picked")).to_be_visible()
        begins = eva.get_by_label("From (seconds)")
        expect(begins).not_to_have_value("")
        begins.fill("0.2")
        begins.press("Tab")
        eva.get_by_role("button", name=re.compile(r"Add 0\.2 to \d\.\d s to Providing structure")).click()
        expect(eva.locator(".evidence-list .button-time")).to_have_count(2)
        # By keys alone: from the beginning to five seconds on, which is the end.
        eva.get_by_role("button", name="Clear").click()
        eva.locator("h1").focus()
        for key in ("ArrowLeft", "f", "ArrowRight", "t"):
            eva.keyboard.press(key)
        expect(begins).to_have_value("0.0")
        expect(eva.get_by_label("To (seconds)")).not_to_have_value("")
        eva.get_by_role("button", name="Clear").click()
        expect(eva.locator(".waveform-picked")).to_be_hidden()
        expect(eva.get_by_text("Saved as a draft.").first).to_be_visible()
        eva.reload()
        expect(eva.get_by_role("group", name="Fluency").get_by_role("radio", name="6", exact=True)).to_be_checked()
        expect(eva.locator(".evidence-list .button-time")).to_have_count(2)
        assert violations(eva) == []

        mark(eva, fluency=6)
        sign(eva)
        expect(eva.get_by_text("You have signed these marks.").first).to_be_visible()
        expect(eva.get_by_text("You see the other marks once all examiners have signed.")).to_be_visible()
        expect(finn.locator(".marks-table")).to_have_count(0)
        # What waits for whose marks is on the list, for an examiner and for whoever looks after them.
        finn.goto(f"{house.url}/desk")
        mine = finn.get_by_role("region", name="Waiting for marks")
        expect(mine).to_contain_text("1 of 2 signed")
        expect(mine.get_by_role("button", name="Assign another")).to_have_count(0)
        assert violations(finn) == []
        mine.get_by_role("button", name="Open: ").click()
        finn.get_by_role("heading", name="Marks").wait_for()
        mark(finn, fluency=3)
        sign(finn)
        expect(finn.locator(".marks-table")).to_be_visible()
        expect(finn.locator("tr[data-differs=true]")).to_contain_text("Fluency")
        expect(finn.get_by_text("The examiners differ. Another examiner decides.")).to_be_visible()

        gina.reload()
        expect(gina.locator("tr[data-differs=true] td").first).to_have_text("6")
        mark(gina, fluency=5)
        gina.get_by_label("For the candidate").fill("Please slow down <i>a little</i>.")
        sign(gina)
        expect(gina.get_by_text("All is decided.")).to_be_visible()
        expect(gina.locator("tr[data-differs=true] td").last).to_have_text("5")
        expect(gina.get_by_text("There is none: it is off: no model is named (MASTER_MODEL_NAME).")).to_be_visible()
        given = (
            Evaluation("giving", "k", "made", "", 2, "It is <b>told</b> in parts.", (1,)),
            Evaluation("grammar", "k", "not_usable", "form"),
        )
        made = SessionOpinion(
            "2026-01-02T10:00:00+00:00", "a model", "1", given, {1: (400.0, 900.0, "How did it happen?")}
        )
        write_opinion(house.data / "sessions" / exam, None, made)
        gina.reload()
        opinion = gina.get_by_role("region", name="Second opinion")
        expect(opinion.get_by_text("It is <b>told</b> in parts.")).to_be_visible()
        expect(opinion.get_by_text("2 of 3")).to_be_visible()
        expect(opinion.get_by_text("no usable answer")).to_be_visible()
        expect(opinion.get_by_text("intelligibility: It is about pronunciation")).to_be_visible()
        expect(opinion.get_by_role("button", name="Play from")).to_have_count(1)
        gina.get_by_role("heading", name="All marks").wait_for()
        assert violations(gina) == []
        # All that was signed is there, each stretch a click from its sound.
        expect(gina.locator(".in-full[open]").filter(has_text="Fluency")).to_contain_text("Gina (decides): 5")
        gina.locator(".in-full > summary").filter(has_text="Providing structure").click()
        gina.locator(".in-full[open] .evidence-list .button-time").last.click()
        expect(gina.get_by_text("Please slow down <i>a little</i>.")).to_be_visible()
        with gina.expect_download() as download:
            gina.get_by_role("button", name="Save as a table (CSV)").click()
        table = Path(download.value.path()).read_text()
        assert "Fluency,6,6,3,5,yes,5.0," in table
        other = hold_exam(house)
        examine(house, other, "exam_2")
        desk = stack.enter_context(visiting(browser, house.url, first=f"{house.url}/desk", allowed=REFUSED))
        desk.get_by_label("Developer key").fill(KEY)
        desk.get_by_role("button", name="Open the desk").click()
        # A second exam waits: another examiner is named, and then it is closed with the one mark that it has.
        waits = desk.get_by_role("region", name="Waiting for marks")
        expect(waits).to_contain_text("0 of 2 signed")
        waits.get_by_role("button", name="Assign another").click()
        desk.get_by_label("Log-in name of an examiner").fill("nobody@example.org")
        assert violations(desk) == []
        desk.get_by_role("button", name="Assign them").click()
        expect(waits.get_by_text("nobody here has the log-in name")).to_be_visible()
        eva.goto(f"{house.url}/desk#past/{other}")
        eva.get_by_role("heading", name="Marks").wait_for()
        mark(eva)
        sign(eva)
        expect(eva.get_by_text("You have signed these marks.").first).to_be_visible()
        desk.reload()
        waits.get_by_role("button", name="Close with 1 mark").click()
        desk.get_by_label("Reason").fill("The second examiner is ill")
        desk.get_by_role("button", name="Close it").click()
        expect(waits.get_by_text("Closed.")).to_be_visible()
        expect(waits.get_by_role("listitem")).to_have_count(0)
        assert violations(desk) == []
        desk.get_by_role("button", name="Show the figures").click()
        expect(desk.get_by_role("row", name="Fluency 1 0 % 0 % too few: 1 of 30")).to_be_visible()
        expect(desk.get_by_role("row", name="Finn <b> 1 89 % 89 % \u22120.33")).to_be_visible()
        assert violations(desk) == []
        # Examiners are not told who is severe.
        eva.goto(f"{house.url}/desk")
        eva.get_by_role("heading", name="Live now").wait_for()
        expect(eva.get_by_role("button", name="Show the figures")).to_have_count(0)
        # What the candidate may read has no examiner's name and no single mark.
        gina.get_by_role("link", name="Report for the candidate").click()
        steps.heading(gina, "Report on a role-play").wait_for()
        report = gina.locator(".report")
        expect(report).to_contain_text("A further examiner decided")
        expect(report.locator(".report-mark").filter(has_text="Fluency")).to_contain_text("5 of 6")
        expect(report).to_contain_text("Please slow down <i>a little</i>.")
        expect(report).not_to_contain_text("Eva")
        expect(report).not_to_contain_text("Gina")
        assert violations(gina) == []
        with gina.expect_download() as download:
            gina.get_by_role("button", name="Save as a table (CSV)").click()
        assert "Fluency,6,5.0,good," in Path(download.value.path()).read_text()
        gina.emulate_media(media="print")
        expect(gina.get_by_role("button", name="Print, or save as PDF")).to_be_hidden()
        expect(report.locator(".report-facts")).to_be_visible()
        gina.emulate_media(media="screen")
        gina.get_by_role("link", name="Back to the role-play").click()
        gina.get_by_role("heading", name="All marks").wait_for()
        # On paper the desk's page is the outcome alone.
        gina.emulate_media(media="print")
        expect(gina.locator(".marks-table")).to_be_visible()
        expect(gina.locator(".marks-form")).to_be_hidden()
        expect(gina.locator(".panel-notebook")).to_be_hidden()
        # What was declared void has no sheet any more.
        declare_void(house, exam, "<b>fire</b>")
        finn.goto(f"{house.url}/desk")
        row = finn.locator(".live-row").filter(has_text="Void: it does not count")
        row.get_by_role("button", name="Open: ").click()
        expect(finn.get_by_text("can't be marked. Reason: <b>fire</b>.")).to_be_visible()
        expect(finn.locator(".marks-table")).to_be_visible()
        expect(finn.locator(".marks-form")).to_be_hidden()
        expect(finn.locator(".picking")).to_have_count(0)
        assert violations(finn) == []
