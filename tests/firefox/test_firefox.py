"""A role-play from the first screen to the page after it, over a call and over the WebSocket, with real engines.

Debian's firefox-esr, unmodified, is driven by puppeteer over WebDriver BiDi: `scripts/nightly-firefox`. With
INTERLOCUTOR_PICTURES the pictures of all screens are kept in that folder.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.events import TurnCommitted
from tests.app.process import ServerProcess, faults_of, running
from tests.browser.chromium import PATIENCE, TAP
from tests.browser.microphone import speaking_when_told
from tests.browser.role_plays import GREETING, SETTINGS, SMOKING, THANKS
from tests.browser.steps import WOUND

FIREFOX = "/usr/bin/firefox-esr"
# The folder with puppeteer, where npm has put it.
NPM = os.environ.get("INTERLOCUTOR_FIREFOX_NPM")
TURNS = (GREETING, THANKS, SMOKING)
PATIENCE_MS = 120_000
WHOLE_S = 400

pytestmark = pytest.mark.skipif(NPM is None, reason="scripts/nightly-firefox runs it: puppeteer is not here")


@pytest.fixture(scope="module")
def local_server(tmp_path_factory: pytest.TempPathFactory, real_whisper: Path) -> Iterator[ServerProcess]:
    """A server with real ears and a plain voice."""
    settings = (*SETTINGS, f"models.path={real_whisper.parent}")
    with running(tmp_path_factory.mktemp("firefox"), *settings, ready=False) as server:
        server.wait_for(lambda: server.logged("ready"), timeout_s=300.0)
        yield server
    assert faults_of(server) == []


@pytest.fixture(scope="module")
def loudspeaker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A sound system whose loudspeaker nobody hears; without one Firefox lets no sound run. Return its address."""
    place = tmp_path_factory.mktemp("pulse")
    socket = place / "native"
    protocol = f"module-native-protocol-unix auth-anonymous=1 auth-cookie-enabled=0 socket={socket}"
    command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--disable-shm=yes"]
    command += ["-L", protocol, "-L", "module-null-sink", "-L", "module-null-source"]
    own = {"PULSE_RUNTIME_PATH": str(place), "HOME": str(place)}
    with subprocess.Popen(command, env=os.environ | own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as pulse:
        try:
            yield f"unix:{socket}"
        finally:
            pulse.terminate()


def role_play(
    server: ServerProcess, transport: str, pictures: Path, *, loudspeaker: str = "", asks: str = "role_play"
) -> dict[str, Any]:
    """Hold one role-play in Firefox, or have it do what else is asked; return what the script saw."""
    assert NPM is not None
    assert Path(FIREFOX).exists(), f"{FIREFOX} is missing: apt-get install firefox-esr"
    shutil.copy(Path(__file__).parent / "role_play.mjs", NPM)
    task = {
        "url": server.url,
        "firefox": FIREFOX,
        "transport": transport,
        "scripts": [TAP, speaking_when_told(TURNS), *([PATIENCE] if transport == "call" else [])],
        "card": WOUND,
        "turns": len(TURNS),
        "pictures": str(pictures),
        "asks": asks,
        "patience_ms": PATIENCE_MS,
        "whole_ms": 1000 * WHOLE_S,
    }
    written = Path(NPM) / "task.json"
    written.write_text(json.dumps(task), encoding="utf-8")
    done = subprocess.run(
        ["node", f"{NPM}/role_play.mjs", str(written)],
        capture_output=True,
        text=True,
        timeout=WHOLE_S + 60,
        check=False,
        env=os.environ | {"PULSE_SERVER": loudspeaker or "unix:/nonexistent"},
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return seen


def kept(folder: Path) -> Path:
    """Return where pictures go."""
    return Path(os.environ.get("INTERLOCUTOR_PICTURES") or folder)


@pytest.mark.parametrize("transport", ["call", "websocket"])
def test_a_whole_role_play(local_server: ServerProcess, loudspeaker: str, tmp_path: Path, transport: str) -> None:
    seen = role_play(local_server, transport, kept(tmp_path), loudspeaker=loudspeaker)
    assert seen.get("done"), {name: value for name, value in seen.items() if name != "after"}
    assert seen["version"].startswith("firefox/")
    assert seen["transport"] == transport
    assert seen["complaints"] == []
    assert seen["recording_heard"]
    said = seen["after"].lower()
    # Real ears may mishear a word, but not all of a turn.
    for words in (("morning", "anna"), ("thank", "telling"), ("cigarettes", "need")):
        assert any(word in said for word in words), said
    assert WOUND in seen["home"]
    session_id = seen["address"].rpartition("/")[2]
    heard = [entry for entry in local_server.entries(session_id) if entry.envelope.type == TurnCommitted.type_name()]
    assert len(heard) >= len(TURNS)


def test_a_computer_without_a_loudspeaker_is_told_so(local_server: ServerProcess, tmp_path: Path) -> None:
    """Firefox never starts sound there, and would have the page wait for ever."""
    seen = role_play(local_server, "websocket", kept(tmp_path), asks="no_loudspeaker")
    assert seen.get("done"), seen
    assert "Connect headphones or a loudspeaker" in seen["told"]
