"""What tests on real sockets share: servers in processes of their own, one for as many tests as can share it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pipelines.patient.guard.guard_rules import SUPPLIED
from tests.app.process import ServerProcess, faults_of, options, running, started
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
    real_kokoro: Path,
    real_encoder: Path,
    real_smart_turn: Path,
) -> Iterator[ServerProcess]:
    """What `MODEL_BACKEND=local ./scripts/serve` starts, with real weights: it finds all that it would bring."""
    models, data = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("local")
    for folder in (real_whisper, real_language_model, real_joe, real_kokoro, real_encoder, real_smart_turn):
        (models / folder.name).symlink_to(folder)
    # What the encoder has learned before.
    (models / ".vectors").symlink_to(real_encoder.parent / ".vectors")
    # On a busy machine the model takes its time, and it is the model that is to speak.
    rules = yaml.safe_load(SUPPLIED.read_text(encoding="utf-8"))
    rules["limits"] |= {"first_clause_s": 30.0, "next_clause_s": 30.0}
    (models / "guard.yaml").write_text(yaml.safe_dump(rules, allow_unicode=True), encoding="utf-8")
    waits = ("conversation.recognise_timeout_ms=30000", "conversation.respond_timeout_ms=60000")
    patient = (f"engines.guard_rules={models / 'guard.yaml'}", "models.cache_size=5")
    words = ["./scripts/serve", *options(data, *patient, *waits)]
    with started(words, data, MODEL_BACKEND="local", MODEL_PATH=str(models)) as server:
        # The encoder learns its examples first, which takes a busy machine minutes.
        server.wait_for(lambda: server.logged("ready") or server.logged("engines_not_loaded"), timeout_s=280.0)
        assert server.logged("ready"), server.log[-3:]
        yield server
    assert [line for line in server.log if line["level"] in ("error", "critical")] == []
