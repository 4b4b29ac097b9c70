"""OpenAI's own browser clients, unmodified but for their address, complete a turn over WebRTC in a real Chromium.

Not part of the default run: the clients come from npm. `scripts/openai-clients` fetches and bundles them.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.app.asking import answered
from tests.app.process import ServerProcess, running
from tests.bench.stock_clients import note_turn
from tests.browser.chromium import launched
from tests.browser.conftest import BRISK
from tests.browser.microphone import write_microphone

BUNDLE = Path(os.environ.get("INTERLOCUTOR_OPENAI_JS", ".cache/openai-clients/bundle.js"))
PAGE = """<!doctype html><meta charset="utf-8"><title>A page of somebody else's</title>
<button>Talk</button><audio autoplay></audio><script src="/others-bundle.js"></script>"""
PATIENCE_MS = 30_000

# How loud the patient is on the track that came, measured where the page would play it.
LISTEN = """() => {
  const stream = document.querySelector("audio").srcObject;
  if (!stream || globalThis.meter) return;
  const context = new AudioContext();
  globalThis.meter = new AnalyserNode(context, { fftSize: 4096 });
  context.createMediaStreamSource(stream).connect(meter);
  globalThis.loudest = 0;
  setInterval(() => {
    const samples = new Float32Array(meter.fftSize);
    meter.getFloatTimeDomainData(samples);
    loudest = Math.max(loudest, Math.hypot(...samples) / Math.sqrt(samples.length));
  }, 50);
}"""


class _Elsewhere(BaseHTTPRequestHandler):
    """Somebody else's web server."""

    def do_GET(self) -> None:
        """Send the page, or the clients."""
        body, kind = (BUNDLE.read_bytes(), "text/javascript") if "bundle" in self.path else (PAGE.encode(), "text/html")
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """Another origin that browsers trust with a microphone: a real one, since an intercepted page is asked nothing."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Elsewhere) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        yield f"http://localhost:{web.server_port}"
        web.shutdown()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, elsewhere: str) -> Iterator[ServerProcess]:
    with running(tmp_path_factory.mktemp("server"), *BRISK, f"server.allowed_origins={elsewhere}") as server:
        yield server


@pytest.fixture(params=["here", "elsewhere"])
def page(request: pytest.FixtureRequest, server: ServerProcess, elsewhere: str, tmp_path: Path) -> Iterator[Page]:
    """A page that holds nothing of ours, of the server's origin or another; its microphone repeats a sentence."""
    microphone = write_microphone(tmp_path / "sentence.wav", [1_500, "That is good to know.", 6_000])
    with sync_playwright() as driver, launched(driver, microphone) as browser:
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        if request.param == "elsewhere":
            page.goto(f"{elsewhere}/others-page")
            page.evaluate("(url) => { globalThis.server = url; }", server.url)
            yield page
            return
        page.route("**/others-page", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
        page.route("**/others-bundle.js", lambda route: route.fulfill(path=BUNDLE, content_type="text/javascript"))
        page.goto(f"{server.url}/others-page")
        yield page


PACKAGES = {"talkAsAgent": "@openai/agents", "talkPlainly": "openai"}


def _package(name: str) -> str:
    packages = json.loads((Path(__file__).parent / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    return f"{name} (npm) {packages[f'node_modules/{name}']['version']}"


def _way(page: Page, server: ServerProcess) -> str:
    origin = "a page of the server" if page.url.startswith(server.url) else "a page of another origin"
    return f"WebRTC in Chromium, {origin}"


def token_of(server: ServerProcess) -> str:
    """Return a join token, as whoever serves such a page would fetch it."""
    body = json.dumps({"card": "nursing-leg-wound", "mode": "practice"}).encode()
    opened = json.loads(answered("POST", f"{server.url}/api/sessions", body=body, kind="application/json")[1])
    joining = json.loads(answered("POST", f"{server.url}/api/sessions/{opened['id']}/join", opened["token"], b"")[1])
    return str(joining["token"])


@pytest.mark.parametrize("talk", ["talkAsAgent", "talkPlainly"])
def test_a_turn_is_spoken_understood_and_answered(page: Page, server: ServerProcess, talk: str) -> None:
    page.evaluate(
        """([talk, token]) => document.querySelector("button").addEventListener("click", () => {
        globalThis.connected = globalThis[talk](token).then(() => true, (error) => String(error));
    })""",
        [talk, token_of(server)],
    )
    page.get_by_role("button", name="Talk").click()  # a person's gesture: sound may play
    page.wait_for_function("globalThis.connected")
    assert page.evaluate("connected") is True
    page.evaluate(LISTEN)
    page.wait_for_function("seen.some((event) => event.type === 'response.done')")
    seen = page.evaluate("seen")
    kinds = [event["type"] for event in seen]
    assert kinds[0] == "session.created"
    errors = [event for event in seen if event["type"] == "error"]
    (heard, *_) = [e["transcript"] for e in seen if e["type"].endswith("input_audio_transcription.completed")]
    assert heard == "word1 word2 word3"
    (said, *_) = [e["transcript"] for e in seen if e["type"] == "response.output_audio_transcript.done"]
    assert said
    assert "response.output_audio.delta" not in kinds, "sound goes over the track"
    assert page.evaluate("loudest") > 0.01
    note_turn(f"{_package(PACKAGES[talk])}, {_way(page, server)}", turns=1, errors=len(errors))
    assert errors == []
    page.evaluate("stop()")
    server.wait_for(lambda: server.logged("session_over"))
