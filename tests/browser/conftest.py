"""What browser tests share: Chromium with a voice in its microphone, and the real server in a process of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from server.settings.tree import CONFIG_FOLDER
from tests.app.process import ServerProcess, faults_of, running
from tests.browser import steps
from tests.browser.chromium import CHROMIUM, TIMEOUT_MS, launched, visiting
from tests.browser.microphone import write_microphone
from tests.browser.role_plays import UnderWay, begun

# Scripted engines, and a turn that is over soon: the subject is the page.
BRISK = ("engines.backend=mock", "conversation.fixed_wait_ms=300", "conversation.segment_pause_ms=200")
# Reservations that a test leaves behind keep their place for a while.
MANY = "server.max_sessions=1000"


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """Playwright, with the browser that the system provides."""
    if not Path(CHROMIUM).exists():
        pytest.fail(f"{CHROMIUM} is missing: apt-get install chromium", pytrace=False)
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="package")
def under_way(
    playwright: Playwright, tmp_path_factory: pytest.TempPathFactory, real_whisper: Path
) -> Iterator[dict[str, UnderWay]]:
    """Role-plays with real engines, by their transport, that go on while other tests run."""
    with begun(playwright, tmp_path_factory.mktemp("conversation"), real_whisper.parent) as role_plays:
        yield role_plays


@pytest.fixture(scope="package")
def browser(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium that hears a short sentence again and again, with time for a scripted answer between."""
    path = tmp_path_factory.mktemp("microphone") / "sentence.wav"
    with launched(playwright, write_microphone(path, [300, "That is good to know.", 5_200])) as browser:
        yield browser


@pytest.fixture(scope="package")
def hasty_browser(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium that hears the sentence so often that no answer can be heard to its end."""
    path = tmp_path_factory.mktemp("microphone") / "sentence.wav"
    with launched(playwright, write_microphone(path, [300, "That is good to know.", 3_000])) as browser:
        yield browser


@pytest.fixture(scope="package")
def refusing_browser(playwright: Playwright) -> Iterator[Browser]:
    """Chromium that refuses the microphone at once, as when a person has pressed "Block"."""
    with launched(playwright, None) as browser:
        yield browser


@pytest.fixture(scope="package")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the supplied cards and one on which the patient speaks first."""
    folder = tmp_path_factory.mktemp("cards")
    shutil.copytree(CONFIG_FOLDER / "cards", folder, dirs_exist_ok=True)
    card = yaml.safe_load((folder / "nursing-leg-wound.yaml").read_text())
    card |= {"id": "nursing-patient-first", "title": steps.PATIENT_FIRST, "opening": "Oh, there you are."}
    (folder / "nursing-patient-first.yaml").write_text(yaml.safe_dump(card))
    return folder


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory, cards: Path) -> Iterator[ServerProcess]:
    """A server with scripted engines, for every test that leaves it as it was."""
    with running(tmp_path_factory.mktemp("brisk"), *BRISK, MANY, f"cards_path={cards}") as server:
        yield server
    assert faults_of(server) == []


@pytest.fixture
def page(browser: Browser, server: ServerProcess) -> Iterator[Page]:
    """A page at the first screen, on a laptop; watched for complaints and for requests to other hosts."""
    with visiting(browser, server.url) as page:
        yield page


@pytest.fixture
def phone(browser: Browser, server: ServerProcess) -> Iterator[Page]:
    """The same on a small phone."""
    with visiting(browser, server.url, viewport={"width": 320, "height": 640}) as page:
        yield page


@pytest.fixture
def refused_page(refusing_browser: Browser, server: ServerProcess) -> Iterator[Page]:
    """A page whose microphone is refused."""
    with visiting(refusing_browser, server.url) as page:
        yield page
