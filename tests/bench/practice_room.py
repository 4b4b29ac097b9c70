"""How soon places are free again, how soon the first screen is there, and how easy its words are to read.

`python -m tests.bench.practice_room [--rounds 20] [--json FILE]`

A server with one place and the product's own settings, and a real Chromium: somebody chooses a card, leaves, and
chooses again; a tab is closed; a tab is killed and says nothing any more. Then the first screen is loaded with two
hundred role-plays in its history.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from bench.report_figures import Figure, print_figures, write_figures
from server.paths import ROOT
from tests.app.process import running
from tests.browser import steps
from tests.browser.chromium import TIMEOUT_MS, launched
from tests.browser.microphone import write_microphone
from tests.browser.places import free_after_s, preparing

# One address opens more sessions here than people do.
SETTINGS = ("engines.backend=mock", "server.max_sessions=1", "server.reservations.burst=10000")
HELD = 200
LOADS = 9
PATIENCE_S = 60.0
# Notes when the first card is on the screen, on the clock that begins with the page.
FIRST_CARD = """
new MutationObserver((_, observer) => {
  if (!document.querySelector(".card-tile")) return;
  observer.disconnect();
  requestAnimationFrame(() => (globalThis.first_card_ms = performance.now()));
}).observe(document, { subtree: true, childList: true });
"""
KEEP = "([key, text]) => localStorage.setItem(key, text)"


def place_figures(browser: Browser, url: str, rounds: int) -> Iterator[Figure]:
    """Yield how long a place is taken after it was left, by way of the page, of a closed tab and of a killed one."""
    left_s, closed_s, again_s = [], [], []
    with preparing(browser, url) as page:
        for number in range(rounds):
            page.get_by_role("button", name="Choose another card").click()
            left_s.append(free_after_s(url, PATIENCE_S))
            began_s = time.monotonic()
            steps.prepare(page, (steps.INHALER, steps.WOUND)[number % 2])
            again_s.append(time.monotonic() - began_s)
    free_after_s(url, PATIENCE_S)
    for _ in range(rounds):
        with preparing(browser, url) as page:
            page.close(run_before_unload=True)
            closed_s.append(free_after_s(url, PATIENCE_S))
    with preparing(browser, url) as page:
        with contextlib.suppress(PlaywrightError):
            page.goto("chrome://crash")
        killed_s = free_after_s(url, PATIENCE_S)
    yield Figure("left_longest", max(left_s), "s", n=rounds)
    yield Figure("chosen_again_longest", max(again_s), "s", n=rounds)
    yield Figure("closed_longest", max(closed_s), "s", n=rounds)
    yield Figure("killed", killed_s, "s")


def first_screen_figures(browser: Browser, url: str) -> Iterator[Figure]:
    """Yield how long a page takes from its address to its first card, with nothing and with much in its history."""
    context = browser.new_context()
    context.set_default_timeout(TIMEOUT_MS)
    context.add_init_script(FIRST_CARD)
    page = context.new_page()
    page.goto(f"{url}/")
    yield Figure("first_screen_empty", loaded_ms(page), "ms", n=LOADS)
    page.evaluate(KEEP, ["interlocutor.role-plays", json.dumps([entry(number) for number in range(HELD)])])
    yield Figure("first_screen_held", loaded_ms(page), "ms", n=LOADS)
    page.get_by_role("button", name=f"Your role-plays ({HELD})").wait_for()
    context.close()


def entry(number: int) -> dict[str, Any]:
    """Return a role-play of so many days ago, as the page keeps it."""
    known = {"id": f"sess_{number:020x}", "token": "ek_x", "card_id": "nursing-leg-wound", "card_title": steps.WOUND}
    found = {"told": 4, "all": 9, "missed": ["Smoking"]}
    return {**known, **found, "mode": "practice", "began_ms": 1000 * time.time() - 86_400_000 * number}


def loaded_ms(page: Page) -> float:
    """Return the median of some loads of a page, until its first card."""
    times: list[float] = []
    for _ in range(LOADS):
        page.reload()
        page.wait_for_function("() => globalThis.first_card_ms !== undefined")
        times.append(page.evaluate("first_card_ms"))
    return median(times)


def reading_figures() -> Iterator[Figure]:
    """Yield the grades of Flesch and Kincaid of what the pages say."""
    script = ROOT / "tests" / "js" / "reading_grades.js"
    said = subprocess.run(["node", script], capture_output=True, text=True, check=True)
    for name, found in json.loads(said.stdout).items():
        yield Figure(f"grade_{name}", found["grade"], "years at school", n=found["sentences"])


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="times that a place is left, and that a tab is closed")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    figures = [*reading_figures()]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        microphone = write_microphone(Path(folder) / "microphone.wav", [1_000])
        with running(Path(folder) / "data", *SETTINGS) as server, launched(playwright, microphone) as browser:
            figures += first_screen_figures(browser, server.url)
            figures += place_figures(browser, server.url, arguments.rounds)
    print_figures("the practice room", figures)
    if arguments.json:
        write_figures(arguments.json, figures)


if __name__ == "__main__":
    main()
