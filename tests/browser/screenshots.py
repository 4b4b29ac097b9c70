"""Take a picture of every screen, from a real conversation: `python -m tests.browser.screenshots FOLDER`.

It starts the server with the embedded engines, speaks two turns of a recorded consultation into Chromium's microphone,
and writes `<screen>-<look>.png` for a laptop, a desktop and a phone, by day and by night, at 200 % and in forced
colours. `docs/images/practice-room.png` is `role-play-light.png`.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from tests.app.process import running
from tests.browser import steps
from tests.browser.chromium import launched, visiting
from tests.browser.microphone import speaking_when_told, write_microphone

PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 640}, "device_scale_factor": 2, "is_mobile": True}
LAPTOP: dict[str, Any] = {"viewport": {"width": 1366, "height": 768}}
LOOKS: dict[str, dict[str, Any]] = {
    "light": LAPTOP,
    "dark": LAPTOP | {"color_scheme": "dark"},
    "phone": PHONE,
    "phone-dark": PHONE | {"color_scheme": "dark"},
    "desktop": {"viewport": {"width": 1440, "height": 900}},
    "forced": LAPTOP | {"forced_colors": "active"},
    "double": {"viewport": {"width": 683, "height": 384}, "device_scale_factor": 2},
}
# They are spoken when told, so that a slow machine has the same conversation.
TURNS = ("Good morning, my name is Anna.", "Could you tell me which tablets you take every day?")


def take_all(playwright: Playwright, folder: Path, looks: list[str]) -> None:
    """Write the pictures of these looks into `folder`."""
    with tempfile.TemporaryDirectory() as scratch:
        silence = write_microphone(Path(scratch) / "microphone.wav", [1_000])
        with (
            running(Path(scratch) / "data", "engines.backend=embedded") as server,
            launched(playwright, silence) as browser,
        ):
            for look in looks:
                take(browser, server.url, folder, look, LOOKS[look])


def take(browser: Browser, url: str, folder: Path, look: str, context: dict[str, Any]) -> None:
    """Go the whole way once and write a picture of each screen."""

    def picture(page: Page, screen: str, *, whole: bool = True) -> None:
        # Without scrolling to the top, elements that stick there would be in the midst of a picture of the whole page.
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=folder / f"{screen}-{look}.png", full_page=whole)

    with visiting(browser, url, scripts=(speaking_when_told(TURNS),), **context) as page:
        steps.heading(page, "Choose a role-play").wait_for()
        picture(page, "first", whole=False)
        picture(page, "choose")
        steps.choose(page)
        page.get_by_role("button", name="Check the microphone").click()
        page.get_by_text("Listening… say a sentence.").wait_for()
        page.evaluate("say(0)")
        page.get_by_text("We hear you well.").wait_for()
        page.get_by_text("the server answers within").wait_for()
        picture(page, "before")
        steps.agree(page)
        steps.heading(page, "Prepare").wait_for()
        page.get_by_role("textbox", name="Notes").fill("Tablets? Smoking?\nExplain why the wound is slow.")
        picture(page, "prepare")
        page.reload()
        steps.heading(page, "You were preparing").wait_for()
        picture(page, "prepare-again")
        page.get_by_role("button", name="Go on preparing").click()
        steps.start(page)
        page.evaluate("say(0)")
        steps.in_state(page, "speaking")
        steps.in_state(page, "listening")
        page.evaluate("say(1)")
        steps.in_state(page, "hearing")
        steps.in_state(page, "speaking")
        page.wait_for_function("() => loudness() > 0.03")
        picture(page, "role-play", whole=False)
        steps.more(page)
        picture(page, "more", whole=False)
        page.keyboard.press("Escape")
        steps.in_state(page, "listening")
        page.get_by_role("button", name="End", exact=True).click()
        picture(page, "end", whole=False)
        page.get_by_role("button", name="End it").click()
        steps.afterwards(page)
        steps.recording(page)
        page.locator(".turn").nth(1).get_by_role("button").click()
        page.locator(".word-now").wait_for()
        picture(page, "afterwards")
        page.get_by_role("button", name="Choose another card").click()
        picture(page, "choose-again")
        page.get_by_role("button", name="Your role-plays").click()
        page.locator(".history-entry").wait_for()
        picture(page, "history")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshots", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--looks", nargs="*", default=list(LOOKS), choices=list(LOOKS), help="which looks; all if none")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        take_all(playwright, asked.folder, asked.looks)


if __name__ == "__main__":
    main()
