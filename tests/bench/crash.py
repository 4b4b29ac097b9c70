"""Kills a server with `kill -9` in mid-turn, again and again, and looks at what is left of the role-play.

`python -m tests.bench.crash --times 20 --json FILE` starts the real server, holds a conversation at real pace over its
WebSocket, kills the whole server at a seeded moment, and then checks the log, the recording and a restarted server.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import soundfile
from rich.progress import track

from audio.clock import LoopClock
from audio.frames import FRAME_MS, Pcm
from audio.recorder import RECORDING_NAME, read_segments
from bench.replay.link import Listener, ReplyBegan, ReplyEnded, Told, TurnTranscribed
from bench.replay.plan import Plan, plan_replay
from bench.replay.remote import RemoteLink, Reserved, reserve
from bench.replay.simulated_candidate import SimulatedCandidate
from bench.report_figures import Figure, print_figures, write_figures
from pipelines.log.jsonl import is_intact, read_jsonl
from server.measures import percentile
from tests.app.process import ServerProcess, running
from tests.sealed import recording_of, seal_of

RECORDING = Path(__file__).resolve().parents[1] / "data" / "consultation-pharmacy.flac"
CARD = "pharmacy-new-inhaler"
MOST_LOST_MS = 2_000.0  # of a recording
ORPHANS_GONE_S = 5.0
# Where in a turn the server dies. "over": in the very moment the client was told that the reply is over, when the log's
# last lines are as fresh as they can be.
MOMENTS = ("hearing", "speaking", "over")
# The server dies at most this long after the moment's beginning; the shortest turn and reply last longer.
LATEST_S = 1.0
MOST_TURNS = 2  # finished before the fatal one


@dataclass(frozen=True, slots=True)
class Fate:
    """When a server is to die: in which turn (counted from 0), at what moment of it, how many seconds later."""

    turn: int
    moment: str
    delay_s: float


def draw_fates(times: int, seed: int) -> list[Fate]:
    """Return the moments of death; each kind comes equally often."""
    rng = random.Random(seed)
    return [
        Fate(
            turn=rng.randint(0 if moment == "over" else 1, MOST_TURNS),
            moment=moment,
            delay_s=0.0 if moment == "over" else rng.uniform(0.0, LATEST_S),
        )
        for moment in (MOMENTS[number % len(MOMENTS)] for number in range(times))
    ]


@dataclass(slots=True)
class Remains:
    """What a crash has left."""

    fate: Fate
    entries: int = 0
    # The payload of a damaged entry is missing or is not the one that the entry was made for.
    damaged: int = 0
    finished: int = 0  # replies that the client was told are over
    lost: list[str] = field(default_factory=list)  # of those and their turns, what is not in the log
    sent_ms: float = 0.0  # media time at the kill, by the client's own frames
    recorded_ms: float = 0.0
    joined_ms: float | None = None  # by the restarted server
    answered_again: bool = False
    orphans: int = 0  # worker processes that outlived their server
    restart_ms: float = 0.0

    @property
    def recording_lost_ms(self) -> float:
        """How much of the recording is gone."""
        return max(0.0, self.sent_ms - self.recorded_ms)

    @property
    def faults(self) -> list[str]:
        """What should not be, in words."""
        found = [f"lost: {what}" for what in self.lost]
        if not self.entries or self.damaged:
            found.append(f"{self.damaged} of {self.entries} log entries are damaged")
        if self.recording_lost_ms > MOST_LOST_MS:
            found.append(f"{self.recording_lost_ms:.0f} ms of the recording are lost")
        if self.joined_ms is None or abs(self.joined_ms - self.recorded_ms) > 1.0:
            found.append(f"{self.recorded_ms:.0f} ms were recorded, {self.joined_ms} ms were joined")
        if not self.answered_again:
            found.append("the restarted server does not answer")
        if self.orphans:
            found.append(f"{self.orphans} worker processes are left")
        return found


class FatalLink(RemoteLink):
    """A client's link that notes what it was told, and kills the server at the moment that was drawn."""

    fate: Fate
    server: ServerProcess
    notes: list[Told]
    turn = -1
    dead = False

    def listen(self, listener: Listener) -> None:
        """Tell the listener, after looking whether the time has come."""

        def tell(told: Told) -> None:
            if not self.dead:
                self.notes.append(told)
                if isinstance(told, ReplyBegan):
                    self._maybe("speaking")
                elif isinstance(told, ReplyEnded):
                    self._maybe("over")
            listener(told)

        super().listen(tell)

    def began(self, turn: int) -> None:
        """The candidate begins a turn."""
        self.turn = turn
        self._maybe("hearing")

    def _maybe(self, moment: str) -> None:
        if (self.turn, moment) == (self.fate.turn, self.fate.moment):
            if self.fate.delay_s:
                asyncio.get_running_loop().call_later(self.fate.delay_s, self._kill)
            else:
                self._kill()

    def _kill(self) -> None:
        os.kill(self.server.process.pid, signal.SIGKILL)
        self.dead = True


async def talk_until_killed(server: ServerProcess, plan: Plan, fate: Fate) -> tuple[Reserved, FatalLink, list[Pcm]]:
    """Hold a conversation until the server dies; return the session, the link and the frames sent by then."""
    reserved = await reserve(server.url, CARD)
    link = await FatalLink.open(reserved)
    link.fate, link.server, link.notes = fate, server, []
    candidate = SimulatedCandidate(plan, link, LoopClock(), progress=link.began)
    async with asyncio.timeout(120.0):
        await candidate.run()
    await link.close()
    if not link.dead:
        raise RuntimeError(f"the conversation ended ({candidate.over}) before the server was killed")
    return reserved, link, candidate.sent


def crash_once(folder: Path, plan: Plan, fate: Fate, settings: Sequence[str]) -> Remains:
    """Start a server, kill it at the moment given, and look at what it has left."""
    remains = Remains(fate)
    with running(folder, *settings) as server:
        workers = server.usage.children(recursive=True)
        reserved, link, sent = asyncio.run(talk_until_killed(server, plan, fate))
        _, alive = psutil.wait_procs(workers, timeout=ORPHANS_GONE_S)
        remains.orphans = len(alive)
        session = server.folder(reserved.id)
    remains.sent_ms = float(len(sent) * FRAME_MS)
    _look_at_log(session, link.notes, remains)
    remains.recorded_ms = sum(1000.0 * len(s.samples) / s.rate_hz for s in read_segments(session, seal_of(session)))
    began_s = time.monotonic()
    with running(folder, *settings) as server:
        remains.restart_ms = 1000.0 * (time.monotonic() - began_s)
        server.wait_for(lambda: server.logged("recording_recovered") or server.logged("recording_not_recovered"))
        if (session / RECORDING_NAME).is_file():
            remains.joined_ms = 1000.0 * soundfile.info(recording_of(session)).duration
        remains.answered_again = asyncio.run(_answers(server, plan))
    return remains


def _look_at_log(session: Path, notes: Sequence[Told], remains: Remains) -> None:
    """Compare the log with what the client was told."""
    entries = list(read_jsonl(session, seal_of(session)))
    remains.entries = len(entries)
    remains.damaged = sum(entry.payload is None or not is_intact(entry) for entry in entries)
    turns = {e.payload["turn"]: e.payload["text"] for e in entries if e.envelope.type == "turn_committed" and e.payload}
    replies = {e.payload["reply"]: e.payload for e in entries if e.envelope.type == "reply_finished" and e.payload}
    over = [told for told in notes if isinstance(told, ReplyEnded)]
    remains.finished = len(over)
    for reply in over:
        kept = replies.get(reply.reply)
        if kept is None or kept["heard"] != reply.text:
            remains.lost.append(f"reply {reply.reply}")
        elif kept["turn"] and kept["turn"] not in turns:
            remains.lost.append(f"the turn of reply {reply.reply}")
    answered = {kept["turn"] for kept in replies.values()}
    for told in notes:
        if isinstance(told, TurnTranscribed) and told.turn in answered and turns.get(told.turn) != told.text:
            remains.lost.append(f"turn {told.turn}")


async def _answers(server: ServerProcess, plan: Plan) -> bool:
    """Whether a new session on this server is answered."""
    link = await RemoteLink.open(await reserve(server.url, CARD))
    candidate = SimulatedCandidate(Plan(plan.cards, plan.turns[:1], plan.whole), link, LoopClock())
    talk = asyncio.create_task(candidate.run())
    while not talk.done() and not candidate.heard:  # noqa: ASYNC110 - it tells nobody of its first audio
        await asyncio.sleep(FRAME_MS / 1000.0)
    talk.cancel()
    await asyncio.gather(talk, return_exceptions=True)
    await link.close()
    return bool(candidate.heard)


def figures_of(remains: Sequence[Remains]) -> list[Figure]:
    """Return the figures of all crashes."""
    count, finished = len(remains), sum(r.finished for r in remains)
    lost_ms = [r.recording_lost_ms for r in remains]
    faults = sorted({fault for r in remains for fault in r.faults})
    return [
        Figure("crashes", float(count), "", n=count),
        Figure("crashes_with_faults", float(sum(bool(r.faults) for r in remains)), "", n=count, note="; ".join(faults)),
        Figure("log_entries_damaged", float(sum(r.damaged for r in remains)), "", n=sum(r.entries for r in remains)),
        Figure("finished_turns_lost", float(sum(len(r.lost) for r in remains)), "", n=finished),
        Figure("recording_lost_p50_ms", percentile(lost_ms, 0.5), "ms", n=count),
        Figure("recording_lost_max_ms", max(lost_ms, default=None), "ms", baseline=MOST_LOST_MS, n=count),
        Figure("recordings_joined", float(sum(r.joined_ms is not None for r in remains)), "", n=count),
        Figure("workers_left", float(sum(r.orphans for r in remains)), "", n=count),
        Figure("restart_p50_ms", percentile([r.restart_ms for r in remains], 0.5), "ms", n=count),
    ]


def run(fates: Iterable[Fate], *, backend: str, plan: Plan) -> list[Remains]:
    """Crash a server for each fate, one after another."""
    settings = [f"engines.backend={backend}", "engines.recogniser_workers=1"]
    remains = []
    for fate in fates:
        with tempfile.TemporaryDirectory(prefix="interlocutor-crash-") as folder:
            remains.append(crash_once(Path(folder), plan, fate, settings))
    return remains


def main() -> None:
    """Run from the command line; exit 1 when a crash has left a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engines", choices=("mock", "embedded"), default="embedded")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    fates = track(draw_fates(asked.times, asked.seed), "servers killed", transient=True)  # a minute each
    remains = run(fates, backend=asked.engines, plan=plan_replay([RECORDING]))
    figures = figures_of(remains)
    print_figures(f"{asked.times} servers killed in mid-turn ({asked.engines} engines)", figures)
    if asked.json is not None:
        write_figures(asked.json, figures)
    sys.exit(any(r.faults for r in remains))


if __name__ == "__main__":
    main()
