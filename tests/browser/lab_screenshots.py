"""Take pictures of the latency page, from real runs: `python -m tests.browser.lab_screenshots FOLDER`.

It starts the server with the embedded engines, plays a short recording against it twice, as the server judges pauses
and with a fixed wait, and writes `lab-<what>-<look>.png` for a laptop by day and by night, and a phone.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.app.process import ServerProcess, running
from tests.browser.chromium import launched, visiting
from tests.browser.screenshots import LOOKS

RECORDING = "consultation-pharmacy.flac"
WAITS: dict[str, str] = {"as the server judges": "", "fixed 700 ms": "700"}
RUN_TIMEOUT_MS = 180_000  # seven turns and their answers
KEPT = "localStorage.getItem('interlocutor.lab.runs')"


def run_all(browser: Browser, server: ServerProcess, folder: Path) -> str:
    """Run the recording with each wait and take the page's picture meanwhile; return the runs as they are kept."""
    with visiting(browser, server.url, first=server.lab_url) as page:
        page.get_by_role("checkbox", name=re.compile(f"^{RECORDING}")).check()
        for name, wait_ms in WAITS.items():
            page.get_by_label("Name of the run").fill(name)
            page.get_by_label("Silence that ends a turn").fill(wait_ms)
            page.get_by_role("button", name="Run", exact=True).click()
            page.get_by_role("region", name="Running").locator(".lab-bar").nth(1).wait_for(timeout=RUN_TIMEOUT_MS)
            page.screenshot(path=folder / "lab-running-light.png", full_page=True)
            page.get_by_role("heading", name=f"Turns of {name}").wait_for(timeout=RUN_TIMEOUT_MS)
        return str(page.evaluate(KEPT))


def take(
    browser: Browser, server: ServerProcess, folder: Path, look: str, *, runs: str, context: dict[str, Any]
) -> None:
    """Write the pictures of one look: the page with the runs, and the question for the key."""

    def picture(page: Page, what: str) -> None:
        page.screenshot(path=folder / f"lab-{what}-{look}.png", full_page=True)

    with visiting(browser, server.url, first=server.lab_url, **context) as page:
        page.evaluate("(runs) => localStorage.setItem('interlocutor.lab.runs', runs)", runs)
        page.reload()
        page.get_by_role("button", name=f"Turns of {next(iter(WAITS))}").click()
        page.locator(".lab-chart canvas").wait_for()
        picture(page, "runs")
    with visiting(browser, server.url, first=f"{server.url}/lab", **context) as page:
        page.get_by_label("Developer key").wait_for()
        picture(page, "key")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.lab_screenshots", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pictures go")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with (
        sync_playwright() as playwright,
        tempfile.TemporaryDirectory() as scratch,
        running(Path(scratch) / "data", "engines.backend=embedded") as server,
        launched(playwright, None) as browser,
    ):
        runs = run_all(browser, server, folder)
        for look, context in LOOKS.items():
            take(browser, server, folder, look, runs=runs, context=context)


if __name__ == "__main__":
    main()
