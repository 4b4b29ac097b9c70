"""An hour of conversation with fakes under virtual time: do the two recorded tracks drift, do memory and tasks grow?

`python -m tests.bench.hour [--minutes 60] [--json FILE]`. The voice detector is scripted, so no model runs. The
candidate asks, pauses to think, encourages, interrupts and coughs, over and over; the recording is compared sample by
sample with what the client sent and what its listener heard. Exits with 1 when something is not as it must be.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from audio.frames import ANALYSIS_HZ, WIRE_HZ, samples_for
from bench.report_figures import Figure, print_figures, write_figures
from pipelines.events import ReplyFinished, TurnCommitted, TurnIgnored
from pipelines.log.disk import DiskThread
from pipelines.session.recording import SessionRecorder
from pipelines.virtual_time import run_virtual
from server.logs import quiet_logs
from tests.component.scripted import Anchor, Answer, Script, Sound
from tests.component.scripted_judge import always
from tests.component.scripted_run import Outcome, play_script

MINUTE_MS = 60_000.0
# Caches and pools have filled after these minutes: memory is compared with its size from then on.
SETTLED_MINUTES = 5
# The session's log and its history stay in memory and take 10 to 20 kB a turn.
RSS_LIMIT_MB = 12.0
WALL_LIMIT_S = 60.0  # for an hour
# The resampler's positions are exact to two samples of the lower rate.
_RESAMPLED = 2
# This much silence precedes an onset: it is longer than the gaps between words.
QUIET_SAMPLES = samples_for(200, WIRE_HZ)
# The threshold is half of the quietest sound's level and far above the resampler's ripple.
_THRESHOLD = 1_000


@dataclass(frozen=True, slots=True)
class Line:
    """One thing the candidate does: words ("" for a cough), when, and for how long."""

    text: str
    anchor: Anchor
    for_ms: float


REST, PAUSE = Anchor("rest", 700.0), Anchor("sound", 600.0)
ROUND = (
    Line("how did it happen", REST, 1_200.0),
    Line("and would you like", REST, 1_000.0),
    Line("to tell me when", PAUSE, 1_100.0),
    Line("what worries you most", REST, 1_300.0),
    Line("mhm", Anchor("last_reply", 1_300.0), 300.0),
    Line("does it hurt at night", REST, 1_400.0),
    Line("which leg is it", Anchor("last_reply", 1_100.0), 1_200.0),
    Line("", REST, 280.0),
)
ANSWERS = (
    "It began three weeks ago when I fell down the stairs at home.",
    "I have not been able to work since then, and nobody has told me why.",
)


# Every round takes longer than this, so some rounds are left over at the end and are not said.
ROUND_AT_LEAST_MS = 25_000.0
SETTINGS: dict[str, object] = {
    "conversation.fixed_wait_ms": 800.0,
    "session.length_s": 100_000,
}


class TrackRecorder(SessionRecorder):
    """The session's recorder without its disk: notes where each stretch of audio begins on either track."""

    def __init__(self) -> None:
        self.disk = DiskThread("hour")
        super().__init__(Path(), self.disk, chores=self.disk, rate_hz=ANALYSIS_HZ, failed=lambda _error: None)
        self.samples = 0
        self.onsets: tuple[list[int], list[int]] = ([], [])
        self._silent = [QUIET_SAMPLES, QUIET_SAMPLES]  # since how many samples

    def _write(self) -> None:
        stereo = self._mixer.take_stereo(self._mixer.now_ms)
        self._written_ms = self._mixer.now_ms
        for track in (0, 1):
            self._find_onsets(track, stereo[:, track])
        self.samples += len(stereo)

    def close(self) -> None:
        """Read the rest."""
        self._write()
        self.disk.close()

    def _find_onsets(self, track: int, samples: NDArray[np.int16]) -> None:
        loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > _THRESHOLD)
        if not len(loud):
            self._silent[track] += len(samples)
            return
        edges = np.concatenate([[loud[0] + self._silent[track]], np.diff(loud)])
        starts = loud[edges >= QUIET_SAMPLES]
        self.onsets[track].extend((self.samples + starts).tolist())
        self._silent[track] = len(samples) - int(loud[-1])


@dataclass(slots=True)
class Watch:
    """Memory and tasks at every virtual minute."""

    rss_mb: list[float] = field(default_factory=list)
    tasks: list[int] = field(default_factory=list)

    def frame(self, now_ms: float) -> None:
        """Look once a minute."""
        if now_ms >= (len(self.rss_mb) + 1) * MINUTE_MS - 1.0:
            gc.collect()
            self.rss_mb.append(psutil.Process().memory_info().rss / 1e6)
            self.tasks.append(len(asyncio.all_tasks()))


def conversation(minutes: float) -> Script:
    """Return the script of so many minutes of talk."""
    until_ms = minutes * MINUTE_MS
    script = Script(Path("hour"), until_ms=until_ms, settings=SETTINGS)
    script.answers = [Answer("reply", "", ((ANSWERS[0], "began"), (ANSWERS[1], "work")))]
    rounds = int(until_ms / ROUND_AT_LEAST_MS) + 1
    for number, line in zip(itertools.count(1), _lines(rounds), strict=False):
        script.sounds.append(Sound(number, line.anchor, line.for_ms, line.text or "cough", line.text))
    return script


def _lines(rounds: int) -> Iterator[Line]:
    return itertools.chain.from_iterable(itertools.repeat(ROUND, rounds))


def measure(minutes: float) -> tuple[list[Figure], list[str]]:
    """Hold the conversation; return the figures and what is wrong."""
    recorder, watch = TrackRecorder(), Watch()
    began_s = time.perf_counter()
    outcome = run_virtual(
        play_script(conversation(minutes), make_recorder=lambda _rate: recorder, on_frame=watch.frame)
    )
    wall_s = time.perf_counter() - began_s
    drift, compared = _drift(outcome, recorder)
    short = recorder.samples - samples_for(outcome.ended_ms, WIRE_HZ)
    stable = watch.rss_mb[min(SETTLED_MINUTES, len(watch.rss_mb)) - 1 :]
    growth_mb = max(stable, default=0.0) - (stable[0] if stable else 0.0)
    tasks = Counter(watch.tasks)
    turns = len(outcome.events(TurnCommitted))
    figures = [
        Figure("minutes", minutes, "min"),
        Figure("wall", round(wall_s, 1), "s", baseline=WALL_LIMIT_S * minutes / 60.0),
        Figure("turns", turns, "turns"),
        Figure("replies", len(outcome.events(ReplyFinished)), "replies"),
        Figure("ignored", len(outcome.events(TurnIgnored)), "sounds"),
        Figure("drift_of_tracks", drift, "samples", n=compared, note="most, against where they were at the beginning"),
        Figure("track_length_error", short, "samples", note=f"of {recorder.samples}"),
        Figure("rss_growth", round(growth_mb, 2), "MB", baseline=RSS_LIMIT_MB, n=len(stable)),
        Figure("tasks", max(tasks, default=0), "tasks", baseline=min(tasks, default=0), n=len(watch.tasks)),
    ]
    wrong = always(outcome)
    if drift > 0:
        wrong.append(f"the tracks drift by {drift} samples")
    if abs(short) > samples_for(20, WIRE_HZ):
        wrong.append(f"the recording is {short} samples longer than the session")
    if growth_mb > RSS_LIMIT_MB:
        wrong.append(f"memory grew by {growth_mb:.1f} MB: {[round(mb, 1) for mb in watch.rss_mb]}")
    if len(tasks) > 1:
        wrong.append(f"the number of tasks changes: {watch.tasks}")
    if turns < 4 * minutes:
        wrong.append(f"only {turns} turns in {minutes} minutes: there was no conversation")
    return figures, wrong


def _drift(outcome: Outcome, recorder: TrackRecorder) -> tuple[int, int]:
    """Return by how many samples recorded onsets move against the client's own, and how many were compared."""
    sent = [_on_wire(placed.words[0][1]) for placed in outcome.placed]
    heard = [samples_for(span.from_ms, WIRE_HZ) for span in outcome.ledger.replies()]
    worst = compared = 0
    for onsets, true in zip(recorder.onsets, (sent, heard), strict=True):
        found = [(onset - at) for at in true for onset in _near(onsets, at)]
        compared += len(found)
        worst = max(worst, max(found, default=0) - min(found, default=0) - _RESAMPLED)
    return max(0, worst), compared


def _on_wire(sample: int) -> int:
    return round(sample * WIRE_HZ / ANALYSIS_HZ)


def _near(onsets: list[int], at: int) -> list[int]:
    """Return the onset that belongs to a moment: within 20 ms, since neighbours are at least 200 ms apart."""
    index = int(np.searchsorted(onsets, at - samples_for(20, WIRE_HZ)))
    return [o for o in onsets[index : index + 1] if abs(o - at) <= samples_for(20, WIRE_HZ)]


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    quiet_logs()
    figures, wrong = measure(arguments.minutes)
    print_figures(f"{arguments.minutes:g} minutes of conversation under virtual time, scripted engines", figures)
    if arguments.json:
        write_figures(arguments.json, figures)
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
