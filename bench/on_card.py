"""What a graphics card makes of the product, in ten minutes: models on it and beside it, and conversations at once.

`python -m bench.on_card --json FILE` runs the benches of the command line, each with the card and then without it
(`CUDA_VISIBLE_DEVICES` empty), and watches how busy the card is meanwhile: so a model that quietly computes on the
processor is found. Then more and more candidates talk at once, until one turn in twenty is answered too late.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.report_figures import Figure, print_figures, write_figures
from server.gpu import GpuReader

NO_CARD = 3
"""The exit status where there is no card: nothing was measured."""

LOOK_EVERY_S = 0.5
LATE_MS = 1_000.0
SESSIONS = (8, 16, 32, 64, 96, 128)
P95 = "voice_to_voice_p95_ms"


@dataclass(frozen=True, slots=True)
class CardPart:
    """One bench: its command after `interlocutor bench`, how long it may take, and which of its figures count."""

    name: str
    words: tuple[str, ...]
    within_s: float
    figures: tuple[str, ...]


PARTS = (
    CardPart(
        "whisper", ("stt", "--whisper", "tiny.en"), 90.0, ("final_3s_ms", "final_8s_ms", "batch_throughput_ratio")
    ),
    CardPart(
        "language_model",
        ("llm", "--repeats", "3", "--cards", "0", "--sessions", "8"),
        90.0,
        ("first_token_uncached_ms", "first_token_cached_ms", "tokens_per_s"),
    ),
    CardPart(
        "voice",
        ("tts", "--voice", "joe", "--lines", "4", "--words", "0", "--repeats", "5"),
        60.0,
        ("first_audio_ms/joe/3s", "rtf/joe/3s"),
    ),
)


class Cards(Protocol):
    """How busy each graphics card is, in percent; empty where there is none."""

    def read(self) -> Mapping[str, float]:
        """Read it now."""


@dataclass(frozen=True, slots=True)
class PartDone:
    """What a bench found: its figures, how busy the card was at most, and why it found nothing."""

    figures: Mapping[str, float]
    busiest: float | None = None
    why_not: str = ""


# Takes a bench's words, the seconds it may take, and whether it is to see the card.
RunPart = Callable[[Sequence[str], float, bool], PartDone]


class Runner:
    """Runs benches as processes of their own; `words` begin each command."""

    def __init__(self, cards: Cards, words: Sequence[str] = (sys.executable, "-m", "bench.cli", "bench")) -> None:
        self._cards = cards
        self._words = tuple(words)

    def __call__(self, words: Sequence[str], within_s: float, on_card: bool) -> PartDone:
        """Run one; it is ended when its time is over."""
        environment = dict(os.environ) if on_card else os.environ | {"CUDA_VISIBLE_DEVICES": ""}
        with tempfile.TemporaryDirectory(prefix="bench-card-") as folder:
            report, said = Path(folder) / "figures.json", Path(folder) / "said.txt"
            with said.open("wb") as output:
                process = subprocess.Popen(  # noqa: S603 - our own commands
                    [*self._words, *words, "--json", str(report)],
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    start_new_session=True,
                )
                busiest = self._watched(process, within_s)
            if process.returncode != 0:
                last = said.read_text(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
                late = "its time was over" if process.returncode < 0 else last[0].strip()
                return PartDone({}, busiest, late)
            told = json.loads(report.read_text())["figures"]
            return PartDone({one["name"]: float(one["value"]) for one in told if one["value"] is not None}, busiest)

    def _watched(self, process: subprocess.Popen[bytes], within_s: float) -> float | None:
        """Wait for a process, and return how busy the busiest card was at most; end it when its time is over."""
        until_s = time.monotonic() + within_s
        busiest: float | None = None
        while True:
            seen = self._cards.read()
            if seen:
                busiest = max(busiest or 0.0, *seen.values())
            try:
                process.wait(LOOK_EVERY_S)
            except subprocess.TimeoutExpired:
                if time.monotonic() < until_s:
                    continue
                os.killpg(process.pid, 9)
                process.wait()
            return busiest


def measure(run: RunPart, *, within_s: float, now_s: Callable[[], float] = time.monotonic) -> Iterator[Figure]:
    """Yield what was found, as it is found; nothing is begun once the time is over."""
    until_s = now_s() + within_s
    for part in PARTS:
        both = []
        for on_card in (True, False):
            left_s = until_s - now_s()
            if left_s <= 0:
                both.append(PartDone({}, None, "there was no time left"))
                continue
            both.append(run(part.words, min(part.within_s, left_s), on_card))
        yield from _compared(part, *both)
    yield from _conversations(run, until_s, now_s)


def _compared(part: CardPart, card: PartDone, processor: PartDone) -> Iterator[Figure]:
    why_not = "; ".join(
        f"{where}: {one.why_not}" for where, one in (("card", card), ("processor", processor)) if one.why_not
    )
    for name in part.figures:
        if name in card.figures:
            yield Figure(f"{part.name}/{name}", card.figures[name], "", baseline=processor.figures.get(name))
    note = why_not or ("" if card.busiest else "the card did nothing: it computed on the processor")
    yield Figure(f"{part.name}/card_busiest", card.busiest or 0.0, "%", note=note)


def _conversations(run: RunPart, until_s: float, now_s: Callable[[], float]) -> Iterator[Figure]:
    """Have more and more candidates talk at once, until they are answered late or the time is over."""
    most, note = 0, "none was tried: there was no time left"
    for sessions in SESSIONS:
        left_s = until_s - now_s()
        if left_s <= 0:
            break
        words = ("load", "--backend", "local", "--sessions", str(sessions), "--turns", "2")
        done = run((*words, "--set", "server.max_sessions=200"), left_s, True)
        if P95 not in done.figures:
            note = f"{sessions}: {done.why_not or 'no figure'}"
            break
        p95_ms = done.figures[P95]
        yield Figure(f"conversations/{sessions}_p95_ms", p95_ms, "ms", note=f"card {done.busiest or 0:.0f} % busy")
        if p95_ms > LATE_MS:
            note = f"{sessions} are answered after {p95_ms:.0f} ms at p95"
            break
        most, note = sessions, "more were not tried"
    yield Figure("conversations/most_in_time", float(most), "", note=note)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write machine and figures to this file")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long all of it may take")
    parser.add_argument(
        "--without-card", action="store_true", help="go through it all on the processor, to see that it runs"
    )
    asked = parser.parse_args()
    cards = GpuReader()
    if not cards.read() and not asked.without_card:
        print("There is no graphics card that can be used here, so nothing was measured.", file=sys.stderr)  # noqa: T201
        sys.exit(NO_CARD)
    figures = []
    for figure in measure(Runner(cards), within_s=60.0 * asked.minutes):
        figures.append(figure)
        print(f"{figure.name}: {figure.value:g} {figure.unit} {figure.note}".rstrip(), flush=True)  # noqa: T201
    print_figures("on the card; the baseline is the processor", figures)
    if asked.json is not None:
        write_figures(asked.json, figures)


if __name__ == "__main__":
    main()
