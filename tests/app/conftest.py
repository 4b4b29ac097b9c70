"""What tests on real sockets share: servers in processes of their own, one for as many tests as can share it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.app.process import ServerProcess, faults_of, running


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
