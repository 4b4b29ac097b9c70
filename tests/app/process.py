"""A real server in a process of its own, on a free port, with its data in a folder of the test's."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from pipelines.log.jsonl import StoredEntry, is_intact, read_jsonl
from server.settings.aliases import ALIASES
from server.settings.env_file import NAME as ENV_FILE
from tests.sealed import seal_of

ROOT = Path(__file__).resolve().parents[2]
KEY = "a-developers-key-for-tests-0123456789"
UNLIMITED = "server.reservations.per_minute=0"  # tests open more sessions than a person does
AT_ONCE = "server.drain_deadline_s=0"  # nobody waits for the role-plays of a test
# The embedded engines need this long to start on a machine that is busy with something else.
START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 20.0


@dataclass
class ServerProcess:
    """A running server: where it is, what it wrote, and what its data folder holds."""

    process: subprocess.Popen[str]
    data: Path
    url: str = ""
    lab_url: str = ""
    log: list[dict[str, Any]] = field(default_factory=list)
    other_output: list[str] = field(default_factory=list)
    _told: threading.Condition = field(default_factory=threading.Condition)
    _ended: bool = False

    @property
    def address(self) -> str:
        """Host and port."""
        return self.url.removeprefix("http://")

    @property
    def usage(self) -> psutil.Process:
        """The process, to be measured."""
        return psutil.Process(self.process.pid)

    def folder(self, session_id: str) -> Path:
        """Where a session's log and recording are."""
        return self.data / "sessions" / session_id

    def entries(self, session_id: str) -> list[StoredEntry]:
        """Return a session's log as it is on disk; fails when an entry was tampered with or torn inside."""
        found = list(read_jsonl(self.folder(session_id), seal_of(self.folder(session_id))))
        assert all(is_intact(entry) and entry.payload is not None for entry in found)
        assert [entry.envelope.seq for entry in found] == list(range(len(found)))
        return found

    def metric(self, name: str) -> float:
        """Return the value of a series without labels."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as answer:
            found = re.search(rf"^{name} (\S+)$", answer.read().decode(), re.MULTILINE)
        assert found is not None, f"there is no series {name}"
        return float(found[1])

    def limit_files_to(self, size: int) -> None:
        """Have the system refuse every byte of a file beyond `size`, as a full disk does; -1 takes it away."""
        _, hard = resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (size, hard))

    def wait_for(self, ready: Callable[[], bool], *, timeout_s: float = START_TIMEOUT_S) -> None:
        """Return once `ready()` holds after the server wrote a line; raises TimeoutError."""
        with self._told:
            if not self._told.wait_for(lambda: ready() or self._ended, timeout_s) or not ready():
                raise TimeoutError(f"the server did not get that far: {self.log[-3:]} {self.other_output[-10:]}")

    def logged(self, event: str) -> bool:
        """Whether the server has logged an event of this name."""
        return any(line["event"] == event for line in self.log)

    def read(self) -> None:
        """Take what the server writes, until it ends."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._told:
                self._take(line)
                self._told.notify_all()
        with self._told:
            self._ended = True
            self._told.notify_all()

    def _take(self, line: str) -> None:
        found = re.match(r"Interlocutor is at (http://\S+?)/ ", line)
        if found:
            self.url = found[1]
        elif line.startswith("The latency page is at "):
            self.lab_url = line.split()[-1]
        elif line.startswith("{"):
            self.log.append(json.loads(line))
        else:
            self.other_output.append(line)


def plain_environment() -> dict[str, str]:
    """Return the environment without the settings of whoever runs the tests."""
    names = {alias.name for alias in ALIASES}
    plain = {k: v for k, v in os.environ.items() if k not in names and not k.startswith("INTERLOCUTOR__")}
    return plain | {ENV_FILE: ""}


def options(data: Path, *settings: str, port: int = 0) -> list[str]:
    """Return the options of `serve` for these settings; on a free port unless one is given."""
    # A machine that runs tests is busy, and would be found to hold few sessions.
    given = ["log.format=json", f"data_path={data}", UNLIMITED, "server.max_sessions=16", AT_ONCE, *settings]
    return ["--port", str(port), *(word for setting in given for word in ("--set", setting))]


def command(data: Path, *settings: str, port: int = 0) -> list[str]:
    """Return the command that serves with these settings."""
    return [sys.executable, "-m", "server.cli", "serve", *options(data, *settings, port=port)]


@contextmanager
def running(data: Path, *settings: str, ready: bool = True, port: int = 0) -> Iterator[ServerProcess]:
    """Serve until the block ends; by then the server must have written nothing but its log."""
    with started(command(data, *settings, port=port), data) as server:
        server.wait_for(lambda: bool(server.url) and (not ready or server.logged("ready")))
        yield server


@contextmanager
def started(words: Sequence[str], data: Path, **variables: str) -> Iterator[ServerProcess]:
    """Have a command serve until the block ends, with these environment variables."""
    process = subprocess.Popen(
        words,
        cwd=ROOT,
        env=plain_environment() | {"INTERLOCUTOR__DEVELOPER_KEY": KEY} | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    server = ServerProcess(process, data)
    reader = threading.Thread(target=server.read, name="server-output")
    reader.start()
    try:
        yield server
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join(STOP_TIMEOUT_S)
        assert process.stdout is not None
        process.stdout.close()


def faults_of(server: ServerProcess) -> list[object]:
    """Return what a server should never write: lines that are no log, and errors of its own making."""
    return [*server.other_output, *(line for line in server.log if line["level"] in ("error", "critical"))]
