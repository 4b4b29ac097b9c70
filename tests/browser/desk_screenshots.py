"""Take pictures of the desk, of marking and of the report: `python -m tests.browser.desk_screenshots FOLDER`.

A server with the embedded engines has exams in which somebody speaks, a practice that goes on, and examiners who mark.
It writes `desk-<what>-<look>.png` for a laptop and a phone, by day and by night, and the report as `desk-paper.pdf`.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from audio.files import mono_at, read_recording
from audio.frames import WIRE_HZ
from tests.app.process import KEY, ServerProcess, running
from tests.browser import steps
from tests.browser.chromium import launched, visiting
from tests.browser.examiners import declare_void, drag_over, examine, hold_exam, log_in, mark, sign
from tests.browser.microphone import speaking_when_told, write_microphone
from tests.browser.screenshots import LOOKS, TURNS

# At twice the size the desk is what it is on a laptop.
SHOWN = [look for look in LOOKS if look != "double"]
SPOKEN: list[str | int] = [500, TURNS[0], 5_000, TURNS[1], 5_000]


class DeskPictures:
    """Takes them; `look` is how the desk is looked at."""

    def __init__(self, browser: Browser, house: ServerProcess, folder: Path) -> None:
        self._browser = browser
        self._house = house
        self._folder = folder

    def _picture(self, page: Page, what: str, look: str) -> None:
        page.evaluate("scrollTo(0, 0)")
        wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0:
            print(f"desk-{what}-{look}: {wide} pixels are cut off")  # noqa: T201 - a command
        page.screenshot(path=self._folder / f"desk-{what}-{look}.png", full_page=True)

    @contextmanager
    def _desk(self, look: str, where: str = "", **more: Any) -> Iterator[Page]:
        """Open the desk with a developer's key."""
        first = f"{self._house.url}/desk"
        with visiting(self._browser, self._house.url, first=first, allowed=("Failed",), **LOOKS[look], **more) as page:
            page.get_by_label("Developer key").wait_for()
            if where == "":
                self._picture(page, "gate", look)
            page.get_by_label("Developer key").fill(KEY)
            page.get_by_role("button", name="Open the desk").click()
            page.get_by_role("heading", name="Live now").wait_for()
            if where:
                page.goto(f"{self._house.url}/{where}")
            yield page

    def live(self, look: str) -> None:
        """The gate, the list, and a role-play that goes on."""
        with self._desk(look) as page:
            page.get_by_role("heading", name="Waiting for marks").wait_for()
            page.locator(".live-last").filter(has_text=":").first.wait_for()
            page.get_by_role("button", name="Show the figures").click()
            page.locator(".marks-table").first.wait_for()
            self._picture(page, "list", look)
            page.get_by_role("button", name="Assign another").first.click()
            page.screenshot(path=self._folder / f"desk-assign-{look}.png")
            page.keyboard.press("Escape")
            page.get_by_role("button", name="Follow: ").first.click()
            page.locator(".caption-patient").first.wait_for()
            page.get_by_role("button", name="Listen", exact=True).click()
            page.keyboard.press("b")
            page.keyboard.press("n")
            page.keyboard.type("A good opening: name and role.")
            page.keyboard.press("Control+Enter")
            page.locator("dt").filter(has_text="Fillers").first.wait_for()
            self._picture(page, "follow", look)

    def past(self, session_id: str, what: str, look: str) -> None:
        """A role-play that is over: its sound, its words, and its marks as far as they are shown."""
        with self._desk(look, f"desk#past/{session_id}") as page:
            page.get_by_role("button", name="Play", exact=True).wait_for()
            page.get_by_role("heading", name="Marks", exact=True).wait_for()
            page.get_by_role("heading", name="Measures").wait_for()
            drag_over(page, 0.1, 0.4)
            page.locator(".figure-how > summary").first.click()
            page.locator(".criterion details > summary").last.click()
            self._picture(page, what, look)

    def without_sheet(self, session_id: str, what: str, says: str, look: str) -> None:
        """A role-play that can't be marked."""
        with self._desk(look, f"desk#past/{session_id}") as page:
            page.get_by_text(says).first.wait_for()
            self._picture(page, what, look)

    def report(self, session_id: str, look: str) -> None:
        """What the candidate may read; from a laptop by day on paper too."""
        with self._desk(look, f"report#{session_id}") as page:
            page.locator(".report-mark").first.wait_for()
            self._picture(page, "report", look)
            if look == "light":
                page.emulate_media(media="print")
                self._picture(page, "paper", look)
                page.pdf(path=self._folder / "desk-paper.pdf", prefer_css_page_size=True)


def sign_as(page: Page, house: ServerProcess, session_id: str, **marks: int) -> None:
    """Have an examiner mark a role-play, with evidence, an indicator and words of each kind."""
    page.goto(f"{house.url}/desk#past/{session_id}")
    page.reload()
    page.get_by_role("button", name="Play", exact=True).wait_for()
    page.get_by_role("heading", name="Marks", exact=True).wait_for()
    drag_over(page, 0.05, 0.3)
    page.get_by_role("button", name="to Fluency").click()
    giving = page.get_by_role("group", name="Information giving")
    giving.locator("summary").click()
    giving.get_by_role("checkbox").first.check()
    giving.get_by_label("Your reasons").fill("Asks first what is known already.")
    page.get_by_label("Comment on the whole role-play").fill("Friendly, a little fast at the end.")
    page.get_by_label("For the candidate").fill("You open well. Leave a pause after each piece of advice.")
    mark(page, **marks)
    sign(page)
    page.get_by_text("You have signed these marks.").first.wait_for()


def take_all(browser: Browser, house: ServerProcess, folder: Path, *, scratch: Path, looks: list[str]) -> None:
    """Hold what is looked at, and take every picture."""
    pictures = DeskPictures(browser, house, folder)
    wav = write_microphone(scratch / "spoken.wav", SPOKEN)
    sound = mono_at(read_recording(wav), WIRE_HZ)
    with ExitStack() as stack:
        people = []
        for name in ("Eva Brandt", "Finn Castle", "Gina Doyle"):
            page = stack.enter_context(visiting(browser, house.url, allowed=("Failed",)))
            log_in(page, house, f"{name.split()[0].lower()}@example.org", name)
            people.append(page)
        marked, waits, void = (hold_exam(house, each) for each in (sound, sound, None))
        for number, session_id in enumerate((marked, waits, void), 1):
            examine(house, session_id, f"exam_{number}")
        for page, fluency in zip(people, (6, 3, 4), strict=True):
            sign_as(page, house, marked, fluency=fluency, giving=3)
        sign_as(people[0], house, waits)
        declare_void(house, void, "Fire alarm")
        candidate = stack.enter_context(
            visiting(
                browser,
                house.url,
                first=f"{house.url}/login",
                scripts=(speaking_when_told(TURNS),),
                allowed=("Failed",),
            )
        )
        log_in(candidate, house, "ana@example.org", "Ana Lima", "candidate")
        steps.prepare(candidate)
        steps.start(candidate)
        for turn in range(len(TURNS)):
            candidate.evaluate(f"say({turn})")
            steps.in_state(candidate, "speaking")
            steps.in_state(candidate, "listening")
        for look in looks:
            pictures.live(look)
            pictures.past(waits, "blind", look)
            pictures.past(marked, "decided", look)
            pictures.without_sheet(void, "void", "declared void", look)
            pictures.report(marked, look)
        steps.end(candidate)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.desk_screenshots", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--looks", nargs="*", default=SHOWN, choices=SHOWN, help="which looks; all if none")
    asked = parser.parse_args()
    folder: Path = asked.folder
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as scratch:
        silence = write_microphone(Path(scratch) / "microphone.wav", [1_000])
        with (
            running(Path(scratch) / "data", "engines.backend=embedded", "auth.mode=accounts") as house,
            launched(playwright, silence) as browser,
        ):
            take_all(browser, house, folder, scratch=Path(scratch), looks=asked.looks)


if __name__ == "__main__":
    main()
