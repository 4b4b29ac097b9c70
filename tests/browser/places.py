"""Whether a server with one place has it free, and tabs that hold it."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page

from tests.app.wire import CARD
from tests.browser import steps
from tests.browser.chromium import TIMEOUT_MS

LOOK_EVERY_S = 0.1


def has_room(url: str) -> bool:
    """Return whether somebody else gets the place now; it is given back at once."""
    asked = urllib.request.Request(f"{url}/api/sessions", data=json.dumps({"card": CARD}).encode())
    try:
        with urllib.request.urlopen(asked, timeout=20) as answer:
            told = json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return False
    back = urllib.request.Request(f"{url}/api/sessions/{told['id']}/place", data=b'{"state": "left"}')
    back.add_header("Authorization", f"Bearer {told['token']}")
    with urllib.request.urlopen(back, timeout=20) as answer:
        assert answer.status == 204
    return True


def free_after_s(url: str, patience_s: float) -> float:
    """Return after how long the place is free."""
    began_s = time.monotonic()
    while not has_room(url):
        assert time.monotonic() - began_s < patience_s, "the place is still taken"
        time.sleep(LOOK_EVERY_S)
    return time.monotonic() - began_s


@contextmanager
def preparing(browser: Browser, url: str) -> Iterator[Page]:
    """A tab of its own in which somebody reads the card."""
    context = browser.new_context()
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    try:
        page.goto(f"{url}/?transport=websocket")
        steps.prepare(page)
        yield page
    finally:
        context.close()
