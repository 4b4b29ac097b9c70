"""What tests on real sockets share: servers in processes of their own, one for as many tests as can share it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.process import ServerProcess, faults_of, running
from tests.app.wire import Joining, joined
from tests.nightly import NIGHTLY
from tests.rtc.caller import called


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what is about the conversation over each transport; what takes long, over a call only at night."""
    if "joining" in metafunc.fixturenames:
        both = NIGHTLY or metafunc.definition.get_closest_marker("call_by_night") is None
        metafunc.parametrize("joining", ["websocket", "webrtc"] if both else ["websocket"], indirect=True)


@pytest.fixture
def joining(request: pytest.FixtureRequest) -> Joining:
    """How a test's sessions are joined."""
    over: dict[str, Joining] = {"websocket": joined, "webrtc": called}
    return over[request.param]


@pytest.fixture(scope="package")
def mock_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with scripted engines, which answers every turn within milliseconds with a few seconds of tones."""
    with running(tmp_path_factory.mktemp("mock"), "engines.backend=mock") as server:
        yield server
    assert faults_of(server) == []


@pytest.fixture(scope="package")
def embedded_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with the embedded engines: real speech in, real speech out.

    It waits longer than usual for a final text, since a recogniser takes seconds to start on a busy machine.
    """
    settings = ("engines.backend=embedded", "engines.recogniser_workers=1", "conversation.recognise_timeout_ms=30000")
    with running(tmp_path_factory.mktemp("embedded"), *settings) as server:
        yield server
    assert faults_of(server) == []


@pytest.fixture(scope="package")
def local_server(
    tmp_path_factory: pytest.TempPathFactory,
    real_whisper: Path,
    real_language_model: Path,
    real_joe: Path,
    real_encoder: Path,
) -> Iterator[ServerProcess]:
    """A server with real weights: Whisper hears, a language model words, a neural voice speaks."""
    models = tmp_path_factory.mktemp("models")
    for folder in (real_whisper, real_language_model, real_joe, real_encoder):
        (models / folder.name).symlink_to(folder)
    settings = (
        "engines.backend=local",
        f"models.path={models}",
        "models.cache_size=4",
        "conversation.recognise_timeout_ms=30000",
        "conversation.respond_timeout_ms=30000",
    )
    with running(tmp_path_factory.mktemp("local"), *settings, ready=False) as server:
        # The encoder learns its examples first, which takes a busy machine minutes.
        server.wait_for(lambda: server.logged("ready"), timeout_s=300.0)
        yield server
    assert faults_of(server) == []
