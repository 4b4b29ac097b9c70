"""Many replies, each cancelled while it is being spoken: what still leaves the lane, how soon it is free, memory.

    python -m tests.bench.cancelled_replies --voice joe --replies 500 --json FILE

A reply of two clauses goes to the lane as a session sends it, and is cancelled at a moment of its making that is drawn
anew for each. `--run-out` leaves the call that is being computed to its end, for comparison.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from audio.clock import LoopClock
from bench.report_figures import Figure, print_figures, write_figures
from bench.voice.lines import Line, lines_of, spread
from bench.voice.places import named_voice
from common.errors import AppError
from pipelines.engines import SpeakRequest, SpeechChunk
from pipelines.lanes.jobs import JobLane, JobTicket
from pipelines.lanes.workers import ThreadWorker
from pipelines.patient.card_library import CardLibrary
from pipelines.session.patient_audio import FIRST_CLAUSE, LATER_CLAUSE
from pipelines.tts.clauses import split_clauses
from server.measures import percentile
from server.settings.tree import Settings, load_settings

SETTLED = 100
"""Replies after which memory should grow no more: by then every size of call has been met."""

LONGEST_S = 60.0


@dataclass(slots=True)
class Found:
    """What 500 cancelled replies came to."""

    # From the cancel command to the last sample that left the lane, 0 where none did.
    last_sample_ms: list[float] = field(default_factory=list)
    samples_after: int = 0
    free_ms: list[float] = field(default_factory=list)
    in_a_call: int = 0
    memory_mb: list[tuple[int, float]] = field(default_factory=list)


class _Reply:
    """One reply in the lane: counts what comes before and after it is cancelled."""

    def __init__(self, lane: JobLane, line: Line, number: int) -> None:
        self.samples = self.after = 0
        self.cancelled_s: float | None = None
        self.last_s = 0.0
        self.ended = asyncio.Event()
        clauses = split_clauses(line.text)[:2]
        self._left = len(clauses)
        self.tickets: list[JobTicket] = [
            lane.submit(
                SpeakRequest(f"{number}/{index}", text, line.voice, line.pronunciations),
                priority=LATER_CLAUSE if index else FIRST_CLAUSE,
                on_part=self._part,
                on_end=self._end,
            )
            for index, (text, _) in enumerate(clauses)
        ]

    def cancel(self) -> None:
        self.cancelled_s = time.perf_counter()
        for ticket in self.tickets:
            ticket.cancel()

    def _part(self, chunk: SpeechChunk) -> None:
        self.samples += len(chunk.samples)
        if self.cancelled_s is not None:
            self.after += len(chunk.samples)
            self.last_s = time.perf_counter() - self.cancelled_s

    def _end(self, error: AppError | None) -> None:
        if error is not None:
            raise error
        self._left -= 1
        if not self._left:
            self.ended.set()


async def cancel_replies(lane: JobLane, lines: Sequence[Line], *, replies: int, seed: int) -> Found:
    """Have replies spoken and cancelled one after another; the lane must have one worker."""
    found, choice = Found(), random.Random(seed)
    free = asyncio.Event()
    lane.on_request.append(lambda _ok, _ms: free.set())
    whole_s = await _whole_s(lane, lines[0])
    for number in range(replies):
        reply = _Reply(lane, lines[number % len(lines)], number)
        free.clear()
        # Some end before they are cancelled, and then say all of it.
        await asyncio.sleep(choice.uniform(0.0, whole_s))
        if not reply.ended.is_set():
            busy = any(ticket.under_way for ticket in reply.tickets)
            free.clear()
            reply.cancel()
            if busy:
                found.in_a_call += 1
                async with asyncio.timeout(LONGEST_S):
                    await free.wait()
                found.free_ms.append(1000.0 * (time.perf_counter() - (reply.cancelled_s or 0.0)))
            # What was under way is over: whatever was to come has come.
            await asyncio.sleep(0.02)
            found.last_sample_ms.append(1000.0 * reply.last_s)
            found.samples_after += reply.after
        if number + 1 in (SETTLED, replies) or (number + 1) % 50 == 0:
            found.memory_mb.append((number + 1, psutil.Process().memory_info().rss / 1e6))
            sys.stdout.write(f"{number + 1:5d} replies {found.memory_mb[-1][1]:8.1f} MB\n")
            sys.stdout.flush()
    return found


async def _whole_s(lane: JobLane, line: Line) -> float:
    """Return what a whole reply takes, once it is warm."""
    for _ in range(2):
        began = time.perf_counter()
        reply = _Reply(lane, line, -1)
        async with asyncio.timeout(LONGEST_S):
            await reply.ended.wait()
    return time.perf_counter() - began


def figures_of(name: str, found: Found) -> list[Figure]:
    """Return the figures of a run."""
    last, free = found.last_sample_ms, found.free_ms
    memory = dict(found.memory_mb)
    last_count = max(memory)
    grown = memory[last_count] - memory.get(SETTLED, memory[min(memory)])
    return [
        Figure(f"cancel_last_sample_ms/{name}", max(last, default=0.0), "ms", n=len(last), note="the longest"),
        Figure(f"cancel_samples_after/{name}", found.samples_after, "samples", n=len(last)),
        Figure(f"cancel_free_p50_ms/{name}", percentile(free, 0.5), "ms", n=len(free), note="until the lane is free"),
        Figure(f"cancel_free_p95_ms/{name}", percentile(free, 0.95), "ms", n=len(free)),
        Figure(f"cancel_free_longest_ms/{name}", max(free, default=0.0), "ms", n=len(free)),
        Figure(f"cancel_memory_mb/{name}", memory[last_count], "MB", n=last_count, note="resident, at the end"),
        Figure(f"cancel_memory_grown_mb/{name}", grown, "MB", n=last_count, note=f"since reply {SETTLED}"),
    ]


async def measure(name: str, settings: Settings, *, replies: int, seed: int, run_out: bool) -> list[Figure]:
    """Return the figures of a voice; raises EngineError for one that is not here."""
    voice = named_voice(name, settings.models)
    lines = spread(lines_of(CardLibrary.load(settings.cards_folder).values()), 60)
    lane = JobLane(lambda: voice.synthesiser, isolation="thread", workers=1, clock=LoopClock(), name="synthesiser")
    if run_out:
        for worker in lane.workers:
            assert isinstance(worker, ThreadWorker)
            worker.interrupts = False
    await lane.start()
    try:
        return figures_of(name, await cancel_replies(lane, lines, replies=replies, seed=seed))
    finally:
        await lane.stop()


def main() -> None:
    """Measure one voice and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--voice", default="joe", help="as `interlocutor bench tts` names it")
    parser.add_argument("--replies", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--run-out", action="store_true", help="let the call that is computed come to its end")
    parser.add_argument("--json", type=Path)
    told = parser.parse_args()
    figures = asyncio.run(
        measure(told.voice, load_settings(), replies=told.replies, seed=told.seed, run_out=told.run_out)
    )
    print_figures("cancelled replies", figures)
    if told.json is not None:
        write_figures(told.json, figures)


if __name__ == "__main__":
    main()
