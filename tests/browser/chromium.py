"""A real Chromium with a voice in its microphone, and pages that are watched for what they must not do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Request

from tests.browser.machine import Share

CHROMIUM = "/usr/bin/chromium"
# Nothing but loopback can be looked up, so a page that asks another host fails the test instead of the network.
ONLY_LOOPBACK = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
# A page that stood still sends what it could not send until then, and the server takes the end of it for too fast.
CAUGHT_UP = "The server refused a message. {type: invalid_request_error, code: audio.too_fast"
TIMEOUT_MS = 60_000  # on a machine that is busy with something else

# Taps whatever leads to the loudspeaker, and what calls bring in, so that a test can tell what a person would hear; and
# keeps the calls, so that a test can break them.
TAP = """
globalThis.taps = [];
globalThis.calls = [];
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (to, ...rest) {
  if (to instanceof AudioDestinationNode) {
    const tap = new AnalyserNode(this.context, { fftSize: 4096 });
    connect.call(this, tap);
    taps.push(tap);
  }
  return connect.call(this, to, ...rest);
};
globalThis.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...rest) {
    super(...rest);
    calls.push(this);
    this.addEventListener("track", ({ streams: [stream] }) => {
      const context = new AudioContext();
      const tap = new AnalyserNode(context, { fftSize: 4096 });
      context.createMediaStreamSource(stream).connect(tap);
      taps.push(tap);
    });
  }
};
globalThis.levelOf = (tap) => {
  const samples = new Float32Array(tap.fftSize);
  tap.getFloatTimeDomainData(samples);
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return Math.sqrt(sum / samples.length);
};
globalThis.loudness = () => Math.max(0, ...taps.map(levelOf));
"""

# A call gets a minute to connect: on a busy machine the page would take its WebSocket after three seconds.
PATIENCE = """
const ask = globalThis.fetch;
globalThis.fetch = async (what, ...more) => {
  const answer = await ask(what, ...more);
  if (!answer.ok || !String(what.url ?? what).endsWith("/api/rtc")) return answer;
  return new Response(JSON.stringify({ ...(await answer.json()), connect_within_ms: 60_000 }));
};
"""


@contextmanager
def launched(playwright: Playwright, microphone: Path | None, *, loop: bool = True) -> Iterator[Browser]:
    """Run Chromium; `microphone` is what it hears, again and again if `loop`; None: it refuses the microphone."""
    args = [ONLY_LOOPBACK, "--use-fake-device-for-media-stream"]
    if microphone is not None:
        played = f"{microphone}{'' if loop else '%noloop'}"
        args += ["--use-fake-ui-for-media-stream", f"--use-file-for-fake-audio-capture={played}"]
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=args)
    try:
        yield browser
    finally:
        browser.close()


class Watched:
    """A page, and what it must not do: errors on its console, and requests to other hosts."""

    def __init__(self, context: BrowserContext, home: str, allowed: tuple[str, ...]) -> None:
        self.complaints: list[str] = []
        self.foreign: list[str] = []
        # Chromium writes every HTTP error to the console; tests that provoke them look at the page instead.
        self._allowed = ("Failed to load resource", *allowed)
        self._share = Share()
        self._home = home.removeprefix("http://")
        self.page = context.new_page()
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._asked)
        self.page.on("websocket", lambda socket: self._check(socket.url))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(self._allowed):
            self.complaints.append(message.text)

    def _asked(self, request: Request) -> None:
        self._check(request.url)

    def _check(self, url: str) -> None:
        scheme, _, rest = url.partition("://")
        if scheme in ("http", "https", "ws", "wss") and not f"{rest}/".startswith(f"{self._home}/"):
            self.foreign.append(url)

    def verify(self) -> None:
        """Raise when the page did what it must not."""
        had_time = self._share.had
        complaints = [each for each in self.complaints if had_time or not each.startswith(CAUGHT_UP)]
        if complaints or self.foreign:
            raise AssertionError(f"the page complained: {complaints}; it asked other hosts: {self.foreign}")


@contextmanager
def visiting(
    browser: Browser,
    url: str,
    *,
    allowed: tuple[str, ...] = (),
    first: str | None = None,
    calls: bool = False,
    scripts: tuple[str, ...] = (),
    **context: Any,
) -> Iterator[Page]:
    """Open an address of `url`'s server in a fresh context; at the end, check that the page behaved.

    Without `first` that is the first screen. Where this leads strangers elsewhere by itself, a test that goes to
    another address at once must name that address here. `allowed` are beginnings of console messages that the test
    provokes. Without `calls` the page uses its WebSocket, whose messages a test can read. `scripts` run before the
    page's own.
    """
    given = {"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce"} | context
    fresh = browser.new_context(**given)
    fresh.set_default_timeout(TIMEOUT_MS)
    for script in (TAP, *scripts):
        fresh.add_init_script(script)
    watched = Watched(fresh, url, allowed)
    try:
        watched.page.goto(first or (url if calls else f"{url}/?transport=websocket"))
        yield watched.page
    finally:
        # Else the page of a test that failed would go on talking beside all tests after it.
        fresh.close()
    watched.verify()
