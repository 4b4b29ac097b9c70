"""The page below a path of its host, behind a real nginx: it finds its files, its API, its socket and its worklets."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.app.process import running
from tests.app.proxy import WHY, has_nginx, nginx
from tests.browser import steps
from tests.browser.chromium import visiting
from tests.browser.conftest import BRISK

pytestmark = pytest.mark.skipif(not has_nginx(), reason=WHY)


def test_a_role_play_is_held_below_a_path(browser: Browser, tmp_path: Path) -> None:
    with (
        running(tmp_path / "data", *BRISK, "server.root_path=/oet") as server,
        nginx(server.url.removesuffix("/oet"), tmp_path / "nginx", prefix="/oet") as url,
        visiting(browser, url) as page,
    ):
        steps.prepare(page)
        steps.start(page)
        steps.in_state(page, "speaking")
        steps.end(page)
        steps.recording(page)
