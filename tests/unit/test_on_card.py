"""The bench of a graphics card, tried without one: what counts, what is said where nothing was found, and the time."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from bench.on_card import P95, PARTS, PartDone, Runner, measure

# A bench that writes what it was asked for, and whether it could see a card.
BENCH = """
import json, os, sys
words = sys.argv[1:]
figures = [{"name": "words", "value": len(words)}, {"name": "none", "value": None}]
figures.append({"name": "sees", "value": float(os.environ.get("CUDA_VISIBLE_DEVICES") != "")})
json.dump({"figures": figures}, open(words[words.index("--json") + 1], "w"))
"""


class Card:
    """A card that is as busy as it is told."""

    def __init__(self, *busy: float) -> None:
        self._busy = list(busy)

    def read(self) -> Mapping[str, float]:
        return {"0": self._busy.pop(0) if len(self._busy) > 1 else self._busy[0]} if self._busy else {}


def found(part: str, name: str) -> float:
    return 100.0 * len(part) + len(name)


class Bench:
    """Runs no bench: it finds figures for each, and takes some seconds of a clock of its own."""

    def __init__(self, *, takes_s: float = 20.0, late_at: int = 64, busiest: float | None = 70.0) -> None:
        self.now_s = 0.0
        self.asked: list[tuple[str, float, bool]] = []
        self._takes_s, self._late_at, self._busiest = takes_s, late_at, busiest

    def __call__(self, words: Sequence[str], within_s: float, on_card: bool) -> PartDone:
        self.asked.append((words[0], within_s, on_card))
        self.now_s += self._takes_s
        if words[0] == "load":
            sessions = int(words[words.index("--sessions") + 1])
            return PartDone({P95: 1_500.0 if sessions >= self._late_at else 600.0}, self._busiest)
        part = next(part for part in PARTS if part.words[0] == words[0])
        factor = 1.0 if on_card else 4.0
        return PartDone({name: factor * found(part.name, name) for name in part.figures}, self._busiest)


def test_each_model_is_compared_and_the_most_candidates_in_time_are_found() -> None:
    bench = Bench()
    figures = {one.name: one for one in measure(bench, within_s=600.0, now_s=lambda: bench.now_s)}
    for part in PARTS:
        for name in part.figures:
            one = figures[f"{part.name}/{name}"]
            assert (one.value, one.baseline) == (found(part.name, name), 4.0 * found(part.name, name))
        assert figures[f"{part.name}/card_busiest"].value == 70.0
        assert figures[f"{part.name}/card_busiest"].note == ""
    assert figures["conversations/most_in_time"].value == 32
    assert figures["conversations/most_in_time"].note == "64 are answered after 1500 ms at p95"
    assert [on_card for _, _, on_card in bench.asked[:6]] == [True, False] * 3
    assert bench.now_s <= 600.0


def test_a_card_that_did_nothing_is_told() -> None:
    bench = Bench(busiest=None)
    figures = {one.name: one for one in measure(bench, within_s=600.0, now_s=lambda: bench.now_s)}
    assert "computed on the processor" in figures["voice/card_busiest"].note


def test_nothing_is_begun_once_the_time_is_over() -> None:
    bench = Bench(takes_s=70.0)
    figures = {one.name: one for one in measure(bench, within_s=100.0, now_s=lambda: bench.now_s)}
    assert len(bench.asked) == 2
    assert bench.asked[1][1] == pytest.approx(30.0)
    assert "no time left" in figures["voice/card_busiest"].note
    assert "no time left" in figures["conversations/most_in_time"].note


def test_a_bench_is_a_process_that_sees_the_card_or_not() -> None:
    run = Runner(Card(5.0, 90.0, 10.0), (sys.executable, "-c", BENCH))
    assert run(("a",), 60.0, True).figures == {"words": 3.0, "sees": 1.0}
    assert run(("a",), 60.0, False).figures["sees"] == 0.0
    assert Runner(Card(), (sys.executable, "-c", BENCH))((), 60.0, True).busiest is None


def test_a_bench_that_fails_or_takes_too_long_says_why(tmp_path: Path) -> None:
    failing = Runner(Card(), (sys.executable, "-c", "import sys; print('no model called x'); sys.exit(1)"))
    assert failing((), 60.0, True).why_not == "no model called x"
    hanging = Runner(Card(), (sys.executable, "-c", "import threading; threading.Event().wait()"))
    assert hanging((), 0.2, True).why_not == "its time was over"
