"""Kills a server with `kill -9` while several role-plays are under way, starts it again, and sees them go on.

`python -m tests.bench.restarts --times 25 --json FILE`: each time, four candidates talk at real pace over WebSockets,
the server dies at a seeded moment, and another starts on the same port and data. The candidates come back by
themselves and finish. Then each log, recording and the audit are held against what the candidates were told.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import soundfile

from audio.clock import LoopClock
from audio.recorder import RECORDING_NAME
from bench.replay.link import Listener, ReplyEnded, Told, TurnTranscribed
from bench.replay.plan import Plan, plan_replay
from bench.replay.remote import RemoteLink, Reserved, reserve
from bench.replay.simulated_candidate import SimulatedCandidate
from bench.report_figures import Figure, print_figures, write_figures
from pipelines.log.jsonl import StoredEntry
from server.measures import percentile
from tests.app.process import ROOT, ServerProcess, plain_environment, running
from tests.sealed import recording_of

RECORDING = Path(__file__).resolve().parents[1] / "data" / "consultation-pharmacy.flac"
CARD = "pharmacy-new-inhaler"
SESSIONS = 4
TURNS = 2
EARLIEST_S, LATEST_S = 0.0, 6.0  # after the last has begun
LIVE_FRAMES = 25
STARTS_APART_S = 0.7  # so that they die in different moments of their turns
FINISHED_S = 120.0
WRITTEN_S = 30.0
# The last frames are recorded after the log's last line.
RECORDING_OFF_MS = 200.0
NOT_TOLD = "its client came back, and its log does not say so"


@dataclass(slots=True)
class Survival:
    """What became of one role-play whose server was killed in the middle of it."""

    id: str = ""
    resumed: int = 0
    restored: int = 0  # by its log
    # Replies that its candidate was told are over, before and after.
    finished: int = 0
    lost: list[str] = field(default_factory=list)
    cues_kept: int = 0
    recorded_ms: float = 0.0
    answered_after: bool = False
    faults: list[str] = field(default_factory=list)


class WatchedLink(RemoteLink):
    """A client's link that notes what it was told."""

    notes: list[Told]

    def listen(self, listener: Listener) -> None:
        """Tell the listener, and note it."""

        def tell(told: Told) -> None:
            self.notes.append(told)
            listener(told)

        super().listen(tell)


@dataclass(slots=True)
class Talk:
    """One candidate at the other end of a session."""

    reserved: Reserved
    link: WatchedLink
    candidate: SimulatedCandidate
    task: asyncio.Task[None]

    @property
    def is_live(self) -> bool:
        """Whether it speaks, and knows how to come back."""
        return len(self.candidate.sent) > LIVE_FRAMES and self.link.can_come_back

    @property
    def replies(self) -> int:
        """How many replies it was told are over."""
        return sum(isinstance(told, ReplyEnded) for told in self.link.notes)


async def begin(url: str, plan: Plan) -> Talk:
    """Open a session and begin to talk."""
    reserved = await reserve(url, CARD)
    link = await WatchedLink.open(reserved, resume=True)
    link.notes = []
    candidate = SimulatedCandidate(plan, link, LoopClock())
    return Talk(reserved, link, candidate, asyncio.create_task(candidate.run()))


def kill(server: ServerProcess, how: signal.Signals = signal.SIGKILL) -> None:
    """Kill a server with no time to do anything, or tell it to stop."""
    os.kill(server.process.pid, how)
    server.process.wait()


class Round:
    """One death: role-plays begin on one server, and end on the next."""

    def __init__(self, plan: Plan, *, delay_s: float) -> None:
        self._plan = plan
        self._delay_s = delay_s
        self.talks: list[Talk] = []
        self.told_before: list[int] = []
        self.before_death: Callable[[], None] = lambda: None

    async def until_killed(
        self, server: ServerProcess, sessions: int, how: signal.Signals, *, url: str | None = None
    ) -> None:
        """Have candidates talk on this server, or on those at `url`, until it is killed."""
        for _ in range(sessions):
            self.talks.append(await begin(url or server.url, self._plan))
            await asyncio.sleep(STARTS_APART_S)
        async with asyncio.timeout(FINISHED_S):
            while not all(talk.is_live for talk in self.talks):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.05)
        await asyncio.sleep(self._delay_s)
        self.before_death()
        await asyncio.to_thread(kill, server, how)
        self.told_before = [talk.replies for talk in self.talks]

    async def finish(self, server: ServerProcess) -> list[Survival]:
        """Have them finish on the next server; return what became of each."""
        async with asyncio.timeout(FINISHED_S):
            await asyncio.gather(*(talk.task for talk in self.talks))
        found = []
        for talk, before in zip(self.talks, self.told_before, strict=True):
            await talk.link.close()
            one = Survival(talk.reserved.id, resumed=talk.link.resumed, answered_after=talk.replies > before)
            await _written(server, one)
            _check_log(server.entries(one.id), talk, one)
            found.append(one)
        return found


async def _written(server: ServerProcess, one: Survival) -> None:
    """Wait until a session's recording is one file, and open it."""
    path = server.folder(one.id) / RECORDING_NAME
    deadline_s = time.monotonic() + WRITTEN_S
    while not path.is_file() and time.monotonic() < deadline_s:  # noqa: ASYNC110 - another process's disk
        await asyncio.sleep(0.05)
    try:
        one.recorded_ms = 1000.0 * soundfile.info(recording_of(path.parent)).duration
    except (soundfile.LibsndfileError, OSError):
        one.faults.append("its recording can't be opened")


def _check_log(entries: Sequence[StoredEntry], talk: Talk, one: Survival) -> None:
    """Hold the log, and the recording, against what the candidate was told."""
    payloads = [(entry.envelope.type, entry.payload or {}) for entry in entries]
    turns = {p["turn"]: p["text"] for kind, p in payloads if kind == "turn_committed"}
    replies = {p["reply"]: p for kind, p in payloads if kind == "reply_finished"}
    one.restored = sum(kind == "session_restored" for kind, _ in payloads)
    one.cues_kept = len({p["cue"] for kind, p in payloads if kind == "cue_heard"})
    for told in talk.link.notes:
        if isinstance(told, ReplyEnded):
            one.finished += 1
            if told.reply not in replies:
                one.lost.append(f"reply {told.reply}")
        elif isinstance(told, TurnTranscribed) and turns.get(told.turn) != told.text:
            one.lost.append(f"turn {told.turn}")
    last_ms = entries[-1].envelope.media_ms
    if abs(one.recorded_ms - last_ms) > RECORDING_OFF_MS:
        one.faults.append(f"{one.recorded_ms:.0f} ms are recorded of {last_ms:.0f}")
    numbers = [p["turn"] for kind, p in payloads if kind == "turn_committed"]
    if numbers != sorted(set(numbers)):
        one.faults.append(f"turns are counted twice: {numbers}")
    if payloads[-1][0] != "session_ended":
        one.faults.append(f"its log ends with {payloads[-1][0]}")
    if talk.candidate.over not in (None, "ended", "closed: ended"):
        one.faults.append(f"its candidate was told: {talk.candidate.over}")
    if one.resumed and not one.restored:
        one.faults.append(NOT_TOLD)


def draw_delays(times: int, seed: int) -> list[float]:
    """Return after how many seconds each server dies."""
    rng = random.Random(seed)
    return [rng.uniform(EARLIEST_S, LATEST_S) for _ in range(times)]


def verify_audit(data: Path, *settings: str) -> str:
    """Return what `interlocutor audit verify` says against the audit and the logs; empty when all is well."""
    command = [sys.executable, "-m", "server.cli", "audit", "verify", "--set", f"data_path={data}"]
    command += [word for setting in settings for word in ("--set", setting)]
    done = subprocess.run(command, cwd=ROOT, env=plain_environment(), capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def run(
    folder: Path,
    delays_s: Sequence[float],
    *,
    settings: Sequence[str],
    plan: Plan,
    sessions: int = SESSIONS,
    how: signal.Signals = signal.SIGKILL,
    told: Callable[[Sequence[Survival], Sequence[float]], None] = lambda _survivals, _restarts_ms: None,
) -> tuple[list[Survival], list[float]]:
    """Kill a server after each delay and start another; return what became of the sessions, and the restarts' times.

    `told` is called after each.
    """
    survivals: list[Survival] = []
    restarts_ms: list[float] = []
    with asyncio.Runner() as runner:
        for delay_s in delays_s:
            death = Round(plan, delay_s=delay_s)
            with running(folder, *settings) as server:
                port = int(server.url.rpartition(":")[2])
                runner.run(death.until_killed(server, sessions, how))
            survivals += runner.run(_restarted(folder, settings, port, death, restarts_ms))
            told(survivals, restarts_ms)
    return survivals, restarts_ms


async def _restarted(
    folder: Path, settings: Sequence[str], port: int, death: Round, restarts_ms: list[float]
) -> list[Survival]:
    """Start another server while the candidates go on trying to come back."""
    loop = asyncio.get_running_loop()
    began_s = time.monotonic()
    context = running(folder, *settings, port=port)
    server = await loop.run_in_executor(None, context.__enter__)
    restarts_ms.append(1000.0 * (time.monotonic() - began_s))
    try:
        return await death.finish(server)
    finally:
        await loop.run_in_executor(None, context.__exit__, None, None, None)


def figures_of(survivals: Sequence[Survival], restarts_ms: Sequence[float], audit: str) -> list[Figure]:
    """Return the figures of all deaths."""
    count = len(survivals)
    faults = sorted({fault for one in survivals for fault in one.faults})
    return [
        Figure("servers_killed", float(len(restarts_ms)), ""),
        Figure("sessions_live_at_death", float(count), "", n=count),
        Figure("sessions_resumed", float(sum(bool(one.resumed) for one in survivals)), "", baseline=float(count)),
        Figure("sessions_answered_after", float(sum(one.answered_after for one in survivals)), "", n=count),
        Figure("finished_lost", float(sum(len(one.lost) for one in survivals)), "",
               n=sum(one.finished for one in survivals)),
        Figure("sessions_with_faults", float(sum(bool(one.faults) for one in survivals)), "", n=count,
               note="; ".join(faults)),
        Figure("audit_faults", float(bool(audit)), "", note=audit[:200]),
        Figure("restart_p50_ms", percentile(restarts_ms, 0.5), "ms", n=len(restarts_ms)),
    ]  # fmt: skip


def main() -> None:
    """Run from the command line; exit 1 when anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engines", choices=("mock", "embedded"), default="mock")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    whole = plan_replay([RECORDING])
    plan = Plan(whole.cards, whole.turns[:TURNS], whole.whole)
    settings = [f"engines.backend={asked.engines}", "engines.recogniser_workers=1"]
    with tempfile.TemporaryDirectory(prefix="interlocutor-restarts-") as name:
        delays_s = draw_delays(asked.times, asked.seed)
        data = Path(name)

        def write(so_far: Sequence[Survival], times_ms: Sequence[float]) -> None:
            if asked.json is not None:
                write_figures(asked.json, figures_of(so_far, times_ms, verify_audit(data)))

        survivals, restarts_ms = run(data, delays_s, settings=settings, plan=plan, told=write)
        audit = verify_audit(data)
    figures = figures_of(survivals, restarts_ms, audit)
    print_figures(f"{asked.times} servers killed, {SESSIONS} role-plays each ({asked.engines} engines)", figures)
    if asked.json is not None:
        write_figures(asked.json, figures)
    sys.exit(bool(audit) or any(one.faults or one.lost for one in survivals))


if __name__ == "__main__":
    main()
