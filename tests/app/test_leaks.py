"""What sessions leave behind in the server: no task, no thread, no open file."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from audio.frames import WIRE_HZ, silence
from tests.app.inside import serving, until
from tests.app.process import ROOT, ServerProcess, plain_environment
from tests.app.wire import Wire, connect_to, joined, reserved_at

SESSIONS = 10
SETTLE_S = 10.0


@pytest.mark.asyncio
async def test_ten_sessions_leave_no_open_file_and_no_thread(mock_server: ServerProcess) -> None:
    async def session(*, politely: bool) -> None:
        async with joined(mock_server) as wire:
            await wire.append(silence(200, WIRE_HZ))
            await wire.answered()
            if politely:
                assert await wire.end() == 1000

    def left() -> tuple[int, int]:
        return mock_server.usage.num_fds(), mock_server.usage.num_threads()

    await session(politely=True)  # what is loaded once is loaded now
    _settle(mock_server)
    files, threads = left()

    for number in range(SESSIONS):
        await session(politely=number % 2 == 0)
    _settle(mock_server)
    files_now, threads_now = left()
    assert abs(files_now - files) <= 2
    assert threads_now <= threads


def _settle(server: ServerProcess) -> None:
    """Wait until no session runs and the disk thread has closed their files."""
    deadline_s = time.monotonic() + SETTLE_S
    while server.metric("voice_sessions_active") or any(
        Path(file.path).is_relative_to(server.data / "sessions") for file in server.usage.open_files()
    ):
        assert time.monotonic() < deadline_s, "a session or a file of one is still open"
        # The state of another process gives no event to wait for.
        time.sleep(0.02)


@pytest.mark.asyncio
@pytest.mark.parametrize("politely", [True, False])
async def test_a_session_leaves_no_task(tmp_path: Path, politely: bool) -> None:
    async with serving(tmp_path) as (address, server):
        threads = threading.active_count()
        before = _tasks()
        reserved, _ = await reserved_at(f"http://{address}")
        wire = Wire(await connect_to(reserved))
        try:
            wire.microphone()
            await wire.answered()
            assert _tasks() - before
            if politely:
                assert await wire.end() == 1000
        finally:
            await wire.drop()
        await until(lambda: server.registry.running() == [])
        await until(lambda: not _tasks() - before)
        assert threading.active_count() <= threads + 1  # the one of our own HTTP request


def test_nothing_is_reported_to_the_makers_of_a_library(tmp_path: Path) -> None:
    """ONNX Runtime keeps what it will send, and an id of the device, in the home folder."""
    program = "from server.cli import main; main(['doctor', '--set', 'server.port=0'])"
    subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=plain_environment() | {"HOME": str(tmp_path)},
        capture_output=True,
        timeout=240,
        check=False,
    )
    assert list(tmp_path.iterdir()) == []


def _tasks() -> set[str]:
    """Return the tasks of this loop by name; uvicorn keeps one for each open socket and names none of them."""
    return {f"{task.get_name()}" for task in asyncio.all_tasks()}
