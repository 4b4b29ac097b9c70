"""A real Chromium with a voice in its microphone, and the stand-in server it talks to."""

from __future__ import annotations

import math
import shutil
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Request, sync_playwright

from tests.browser.fake_server import FakeServer

CHROMIUM = "/usr/bin/chromium"
MICROPHONE_HZ = 48_000
# Nothing but loopback can be looked up, so a page that asks another host fails the test instead of the network.
ONLY_LOOPBACK = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Playwright, with the browser that the system provides."""
    if not Path(CHROMIUM).exists():
        pytest.fail(f"{CHROMIUM} is missing: apt-get install chromium", pytrace=False)
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def voice_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a WAV that sounds enough like speech for the browser's noise suppression to let it through."""
    rng = np.random.default_rng(7)
    time_s = np.arange(int(1.2 * MICROPHONE_HZ)) / MICROPHONE_HZ
    pitch_hz = 130 + 25 * np.sin(2 * np.pi * 1.7 * time_s)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / MICROPHONE_HZ
    buzz = sum(np.sin(k * phase) / k * _formants(130.0 * k) for k in range(1, 24))
    syllables = np.clip(np.sin(2 * np.pi * 2.4 * time_s), 0.05, None)
    speech = np.asarray(buzz * syllables + 0.003 * rng.standard_normal(len(time_s)))
    speech *= 0.5 / np.abs(speech).max()
    before, after = np.zeros(MICROPHONE_HZ // 2), np.zeros(int(1.7 * MICROPHONE_HZ))  # a pause longer than a reply
    sound = np.concatenate([before, speech, after])
    path = tmp_path_factory.mktemp("microphone") / "voice.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(MICROPHONE_HZ)
        file.writeframes((32767 * sound).astype("<i2").tobytes())
    return path


def _formants(frequency_hz: float) -> float:
    peaks = ((600.0, 1.0, 120.0), (1100.0, 0.6, 160.0), (2500.0, 0.25, 250.0))
    return 0.02 + sum(gain * math.exp(-(((frequency_hz - centre) / width) ** 2)) for centre, gain, width in peaks)


@pytest.fixture(scope="session")
def browser(playwright: Playwright, voice_file: Path) -> Iterator[Browser]:
    """Chromium whose microphone plays the voice, over and over, and is granted without asking."""
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=[
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-audio-capture={voice_file}",
            ONLY_LOOPBACK,
        ],
    )
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def refusing_browser(playwright: Playwright) -> Iterator[Browser]:
    """Chromium that refuses the microphone at once, as when a person has pressed "Block"."""
    args = ["--use-fake-device-for-media-stream", ONLY_LOOPBACK]  # there is one; it is only not granted
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=args)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def running_server() -> Iterator[FakeServer]:
    """The stand-in server of all tests."""
    server = FakeServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def server(running_server: FakeServer) -> FakeServer:
    """The stand-in server as if it had just been started."""
    running_server.reset()
    return running_server


class Watched:
    """A page, and what it must not do: errors on its console, and requests to other hosts."""

    def __init__(self, context: BrowserContext, server: FakeServer) -> None:
        self.complaints: list[str] = []
        self.foreign: list[str] = []
        self._home = server.url.removeprefix("http://")
        self.page = context.new_page()
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._asked)
        self.page.on("websocket", lambda socket: self._check(socket.url))

    def _said(self, message: ConsoleMessage) -> None:
        # Chromium writes every HTTP error to the console; tests that provoke them look at the page instead.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self.complaints.append(message.text)

    def _asked(self, request: Request) -> None:
        self._check(request.url)

    def _check(self, url: str) -> None:
        scheme, _, rest = url.partition("://")
        if scheme in ("http", "https", "ws", "wss") and rest.split("/")[0] != self._home:
            self.foreign.append(url)

    def verify(self) -> None:
        """Raise when the page did what it must not."""
        assert self.complaints == []
        assert self.foreign == []


@pytest.fixture
def page(browser: Browser, server: FakeServer) -> Iterator[Page]:
    """A page at the first screen, on a laptop; watched for complaints and for requests to other hosts."""
    yield from watched_page(browser, server)


@pytest.fixture
def phone(browser: Browser, server: FakeServer) -> Iterator[Page]:
    """The same on a small phone."""
    yield from watched_page(browser, server, width=320, height=640)


@pytest.fixture
def refused_page(refusing_browser: Browser, server: FakeServer) -> Iterator[Page]:
    """A page whose microphone is refused."""
    yield from watched_page(refusing_browser, server)


def watched_page(browser: Browser, server: FakeServer, *, width: int = 1280, height: int = 800) -> Iterator[Page]:
    """Open the first screen in a fresh context; after the test, check that the page behaved."""
    context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce")
    context.set_default_timeout(15_000)
    watched = Watched(context, server)
    watched.page.goto(server.url)
    yield watched.page
    context.close()
    watched.verify()


@pytest.fixture(scope="session")
def node() -> str:
    """Return the path of Node.js."""
    path = shutil.which("node")
    if path is None:
        pytest.fail("node is missing: apt-get install nodejs", pytrace=False)
    return path
