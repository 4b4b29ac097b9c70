"""`bench load`: N candidates at once at real pace, the server in a process of its own, measured from outside."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from audio.clock import LoopClock
from bench.replay.plan import Plan
from bench.replay.remote import RemoteLink, reserve
from bench.replay.simulated_candidate import SimulatedCandidate
from bench.replay.transports import Transport, open_link
from bench.report_figures import Figure
from common.errors import AppError, ProtocolError
from server.measures import percentile

START_TIMEOUT_S = 120.0
# Candidates begin so long after one another, unless told; turns drift apart further by themselves.
STAGGER_S = 0.25
SAMPLE_S = 0.5
READY_POLL_S = 0.2
_ADDRESS = re.compile(r"(http://\S+?)/? ")


@dataclass(slots=True)
class ProcessUsage:
    """What the server's processes used."""

    idle_bytes: int = 0
    peak_bytes: int = 0
    cpu_s: float = 0.0
    wall_s: float = 0.0


@dataclass(slots=True)
class LoadResult:
    """What N candidates measured."""

    sessions: int
    candidates: list[SimulatedCandidate] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    session_s: float = 0.0
    wire_bytes: int = 0  # of messages, both ways
    kept_bytes: int = 0  # of logs and recordings, once all sessions are over
    usage: ProcessUsage = field(default_factory=ProcessUsage)


@contextlib.asynccontextmanager
async def server_process(
    arguments: Sequence[str], *, data: Path | None = None
) -> AsyncIterator[tuple[str, psutil.Process]]:
    """Start `interlocutor serve` on a free port; end it afterwards. Its data goes to `data`, or away with it."""
    with contextlib.ExitStack() as stack:
        if data is None:
            data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="interlocutor-bench-")))
        command = [sys.executable, "-m", "server.cli", "serve", "--port", "0", "--set", f"data_path={data}"]
        command += ["--set", "server.drain_deadline_s=0"]
        process = await asyncio.create_subprocess_exec(
            *command, *arguments, stdout=subprocess.PIPE, env=os.environ | {"INTERLOCUTOR__LOG__LEVEL": "WARNING"}
        )
        drain: asyncio.Task[None] | None = None
        try:
            url = await _address(process)
            await _until_ready(url)
            drain = asyncio.create_task(_drain(process))
            yield url, psutil.Process(process.pid)
        finally:
            if process.returncode is None:
                process.terminate()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(20.0):
                        await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()
            if drain is not None:
                await drain


async def _drain(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None  # noqa: S101 - it was asked for
    while await process.stdout.readline():
        pass


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None  # noqa: S101 - it was asked for
    async with asyncio.timeout(START_TIMEOUT_S):
        while line := await process.stdout.readline():
            if match := _ADDRESS.search(line.decode()):
                return match[1]
    raise ProtocolError("the server did not start; its message is above", code="bench.server")


async def _until_ready(url: str) -> None:
    """Wait until the engines are loaded; /ready answers 503 before."""

    def ready() -> bool:
        try:
            with urllib.request.urlopen(f"{url}/ready", timeout=5) as response:  # noqa: S310 - our own server
                return bool(response.status == 200)
        except urllib.error.HTTPError:
            return False

    async with asyncio.timeout(START_TIMEOUT_S):
        # It is another process's state that is asked for: there is no event to wait on.
        while not await asyncio.to_thread(ready):  # noqa: ASYNC110
            await asyncio.sleep(READY_POLL_S)


async def run_load(
    url: str,
    plan: Plan,
    card: str,
    *,
    sessions: int,
    server: psutil.Process | None,
    binary: bool = True,
    transport: Transport = "websocket",
    spread_s: float | None = None,
    progress: Callable[[], None] = lambda: None,
) -> LoadResult:
    """Hold `sessions` conversations at once against the server at `url`, over that transport.

    They begin within `spread_s`, evenly: over about a turn's length as many speak as listen at any time.
    """
    gc.collect()
    # The clients' clocks must not stop for a collection of what the command line has loaded.
    gc.freeze()
    result = LoadResult(sessions)
    loop = asyncio.get_running_loop()
    watch = asyncio.create_task(_watch(server, result.usage)) if server is not None else None
    cpu_before = _cpu_s(server) if server is not None else 0.0
    began = loop.time()

    async def one(number: int) -> None:
        await asyncio.sleep(number * (STAGGER_S if spread_s is None else spread_s / sessions))
        joined = loop.time()
        try:
            link = await open_link(await reserve(url, card), transport, binary=binary)
        except AppError as error:
            result.failed.append(error.message)
            return
        candidate = SimulatedCandidate(plan, link, LoopClock(), progress=lambda _turn: progress())
        try:
            await candidate.run()
        finally:
            await link.close()
        result.candidates.append(candidate)
        if isinstance(link, RemoteLink):
            result.wire_bytes += link.bytes_sent + link.bytes_received
        result.session_s += loop.time() - joined

    await asyncio.gather(*(one(number) for number in range(sessions)))
    result.usage.wall_s = loop.time() - began
    if server is not None and watch is not None:
        result.usage.cpu_s = _cpu_s(server) - cpu_before
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
    return result


async def _watch(server: psutil.Process, usage: ProcessUsage) -> None:
    usage.idle_bytes = usage.peak_bytes = resident_bytes(server)
    while True:
        await asyncio.sleep(SAMPLE_S)
        usage.peak_bytes = max(usage.peak_bytes, resident_bytes(server))


def _family(server: psutil.Process) -> list[psutil.Process]:
    return [server, *server.children(recursive=True)]


def resident_bytes(server: psutil.Process) -> int:
    """Return what the server and the processes that it started hold in memory."""
    total = 0
    for process in _family(server):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total


def bytes_in(folder: Path) -> int:
    """Return what the files in a folder, and in those within it, come to."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _cpu_s(server: psutil.Process) -> float:
    total = 0.0
    for process in _family(server):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def figures_of(result: LoadResult) -> list[Figure]:
    """Return the figures of a load run."""
    turns = [turn for candidate in result.candidates for turn in candidate.results]
    after = [turn.parts.after_endpoint for turn in turns if turn.parts is not None]
    net = [turn.parts.after_endpoint - turn.late_ms for turn in turns if turn.parts is not None]
    whole = [turn.voice_to_voice_ms for turn in turns if turn.voice_to_voice_ms is not None]
    gaps = [gap for candidate in result.candidates for gap in candidate.gaps_ms]
    usage, count = result.usage, len(turns)
    figures = [
        Figure("sessions", float(result.sessions), "", n=len(result.candidates)),
        Figure("sessions_failed", float(len(result.failed)), "", n=result.sessions, note="; ".join(set(result.failed))),
        Figure("turns_unanswered", float(sum(not turn.said for turn in turns)), "", n=count),
        Figure("turns_cut", float(sum(turn.cut for turn in turns)), "", n=count),
    ]
    late = [turn.late_ms for turn in turns if turn.parts is not None]
    for name, values, note in (
        ("after_endpoint", after, ""),
        ("client_late", late, "this machine's timers, at the frame that ended the turn"),
        ("after_endpoint_net", net, "less the client's own lateness"),
        ("voice_to_voice", whole, ""),
    ):
        for q in (0.5, 0.95, 0.99):
            value = percentile(values, q)
            name_q = f"{name}_p{round(q * 100)}_ms"
            figures.append(Figure(name_q, value and round(value, 2), "ms", n=len(values), note=note))
    figures.append(Figure("audio_gaps", float(len(gaps)), "", n=count))
    figures.append(Figure("longest_audio_gap_ms", round(max(gaps, default=0.0), 1), "ms", n=len(gaps)))
    if result.session_s and result.wire_bytes:
        per_s = round(result.wire_bytes / result.session_s)
        figures.append(Figure("wire_bytes_per_session_s", float(per_s), "B/s", n=result.sessions, note="both ways"))
    if result.session_s and result.kept_bytes:
        per_s = round(result.kept_bytes / result.session_s)
        figures.append(Figure("kept_bytes_per_session_s", float(per_s), "B/s", n=result.sessions, note="log and sound"))
    if usage.wall_s and usage.idle_bytes:
        cpu = usage.cpu_s / result.session_s if result.session_s else None
        figures.append(Figure("cpu_s_per_session_s", cpu and round(cpu, 4), "s/s", n=result.sessions))
        per_session = (usage.peak_bytes - usage.idle_bytes) / 1e6 / max(1, result.sessions)
        figures.append(Figure("server_idle_mb", round(usage.idle_bytes / 1e6, 1), "MB", note="all processes"))
        figures.append(Figure("mb_per_session", round(per_session, 2), "MB", n=result.sessions))
    return figures
