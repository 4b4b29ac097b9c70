"""Every screen as people see it: nothing that axe-core finds wrong, pictures to look at, and a page that is small."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.process import ROOT, ServerProcess
from tests.browser import steps
from tests.browser.axe import violations
from tests.browser.chromium import visiting
from tests.nightly import NIGHTLY

pytestmark = pytest.mark.browser

PICTURES = ROOT / ".cache" / "screens"  # to be looked at; each run replaces them
LAPTOP: Any = {"width": 1280, "height": 800}
PHONE: Any = {"width": 360, "height": 780}
Scheme = Literal["light", "dark"]
EXTREMES: tuple[tuple[str, Any, Scheme], ...] = (("phone-dark", PHONE, "dark"), ("laptop-light", LAPTOP, "light"))
OTHERS: tuple[tuple[str, Any, Scheme], ...] = (("phone-light", PHONE, "light"), ("laptop-dark", LAPTOP, "dark"))
# All four by night: they take half a minute.
LOOKS = (*EXTREMES, *OTHERS) if NIGHTLY else EXTREMES
MAX_SCRIPT_BYTES = 150_000
# The first two screens, of the page's own thread, in processor time, against what this browser takes for a table of
# a thousand cells: 15 to 25 where nothing else runs. A processor that others share counts more seconds for both.
MAX_FIRST_TABLES = 60.0
A_TABLE = """() => {
  const table = document.createElement("table");
  for (let row = 0; row < 100; row++) {
    const cells = table.insertRow();
    for (let cell = 0; cell < 10; cell++) cells.insertCell().textContent = `${row} times ${cell} is ${row * cell}`;
  }
  document.body.append(table);
  const height = table.offsetHeight;
  table.remove();
  return height;
}"""


class Screens:
    """Looks at a page's screens by day and by night, wide and narrow, and gathers what is wrong with them."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.page = page
        self.wrong: list[str] = []
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def look(self, name: str, *, whole: bool = True, looks: int = len(LOOKS)) -> None:
        """Check the screen as it stands and keep a picture of each of the first `looks` looks."""
        for look, size, scheme in LOOKS[:looks]:
            self.page.set_viewport_size(size)
            self.page.emulate_media(color_scheme=scheme)
            self.wrong += [f"{name}, {look}: {each}" for each in violations(self.page)]
            wide, narrow = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            if wide > narrow:
                self.wrong.append(f"{name}, {look}: {wide} pixels wide on a screen of {narrow}")
            self.page.screenshot(path=self._folder / f"{name}-{look}.png", full_page=whole)


def test_nothing_is_wrong_with_any_screen(browser: Browser, server: ServerProcess) -> None:
    with visiting(browser, server.url) as page:
        screens = Screens(page, PICTURES)
        steps.heading(page, "Choose a role-play").wait_for()
        screens.look("1-choose")
        # With any other choice this microphone would have to come round to its sentence first.
        steps.choose(page, steps.PATIENT_FIRST)
        page.get_by_role("button", name="Check the microphone").click()
        page.get_by_text("We hear you well.").wait_for()
        page.get_by_role("button", name="Continue to the card").click()  # the box is not ticked: that is said
        screens.look("2-before")
        steps.agree(page)
        steps.heading(page, "Prepare").wait_for()
        screens.look("3-prepare")
        page.reload()
        steps.heading(page, "You were preparing").wait_for()
        screens.look("3-prepare-again", looks=1)
        page.get_by_role("button", name="Go on preparing").click()
        steps.heading(page, "Prepare").wait_for()
        steps.start(page)
        steps.in_state(page, "speaking")
        screens.look("4-role-play", looks=1)
        menu = steps.more(page)
        menu.get_by_role("button", name="Press to speak").click()
        menu.get_by_role("button", name="Report a problem").click()
        screens.look("5-report", whole=False, looks=1)
        page.keyboard.press("Escape")
        page.get_by_text("Timing of the last answer").click()
        screens.look("6-press-to-speak")
        steps.end(page)
        steps.recording(page)
        screens.look("7-afterwards")
        page.get_by_role("button", name="Delete this role-play").click()
        screens.look("8-delete", whole=False, looks=1)
        page.get_by_role("button", name="Delete it").click()
        page.get_by_role("heading", name="Deleted").wait_for()
        screens.look("9-deleted", looks=1)
        assert screens.wrong == []


def test_the_page_is_small_and_soon_there(page: Page) -> None:
    steps.heading(page, "Choose a role-play").wait_for()
    page.goto("about:blank")
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.setTimeDomain", {"timeDomain": "threadTicks"})
    devtools.send("Performance.enable")

    def cpu_ms() -> float:
        metrics = {metric["name"]: metric["value"] for metric in devtools.send("Performance.getMetrics")["metrics"]}
        return 1000.0 * float(metrics["TaskDuration"])

    def tables_ms() -> list[float]:
        taken_ms = []
        for _ in range(10):
            before_ms = cpu_ms()
            assert page.evaluate(A_TABLE) > 0
            taken_ms.append(cpu_ms() - before_ms)
        return taken_ms

    yardstick_ms = tables_ms()
    page.go_back()  # a browser that has just been started is slower
    steps.heading(page, "Choose a role-play").wait_for()
    page.get_by_role("button", name=f"Prepare: {steps.WOUND}").click()
    steps.heading(page, "Before you start").wait_for()
    first_ms = cpu_ms()
    yardstick_ms += tables_ms()
    assert first_ms / median(yardstick_ms) < MAX_FIRST_TABLES
    sent: list[int] = page.evaluate(
        """() => performance.getEntriesByType("resource")
            .filter(({ name }) => name.endsWith(".js"))
            .map(({ encodedBodySize }) => encodedBodySize)"""
    )
    assert len(sent) > 40
    assert sum(sent) < MAX_SCRIPT_BYTES


def test_each_mode_has_a_consent_of_its_own(page: Page) -> None:
    agreement = page.get_by_role("region", name="What you agree to")
    box = page.get_by_role("checkbox", name="I have read this and agree.")
    steps.choose(page)
    expect(agreement).to_contain_text("Examiners can't listen to a practice.")
    expect(agreement).to_contain_text("You can delete it sooner yourself")
    box.check()
    page.get_by_role("button", name="Choose another card").click()
    expect(page.get_by_text("One role-play by the rules of an exam")).to_be_visible()
    steps.choose(page, exam=True)
    expect(agreement).to_contain_text("This exam has no examiners.")
    expect(agreement).to_contain_text("You can't delete it yourself")
    expect(box).not_to_be_checked()
    page.get_by_role("button", name="Choose another card").click()
    page.get_by_label("Practice").check()
    steps.choose(page)
    expect(box).to_be_checked()
