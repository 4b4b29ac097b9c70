"""Whether what a process holds stays the same: the arithmetic of the soaks."""

from __future__ import annotations

from dataclasses import replace

from tests.soak.flat import LEAST_LOOKS, Held, trend_of

# Pools fill in the first quarter, and one look falls into a peak.
LOOKS = [Held(60.0 * at, 2 * at, 150.0 - max(0, 10 - at), 15, 12, 18) for at in range(40)]
LOOKS[30] = replace(LOOKS[30], rss_mb=190.0, files=19, tasks=22)


def test_what_fills_at_the_beginning_and_peaks_once_is_flat() -> None:
    assert trend_of(LOOKS).faults(most_mb=2.0) == []


def test_what_grows_is_told() -> None:
    grown = [replace(one, rss_mb=one.rss_mb + 0.2 * at) for at, one in enumerate(LOOKS)]
    assert trend_of(grown).faults(most_mb=2.0) == ["memory grew by 4.2 MB, more than 2"]
    for name, told in (("files", "open files"), ("threads", "threads"), ("tasks", "tasks")):
        leaky = [replace(one, **{name: getattr(one, name) + at // 10}) for at, one in enumerate(LOOKS)]
        assert [fault.partition(" more ")[2] for fault in trend_of(leaky).faults(most_mb=2.0)] == [f"{told} in the end"]


def test_few_looks_say_nothing() -> None:
    (fault,) = trend_of(LOOKS[-(LEAST_LOOKS - 1) :]).faults(most_mb=100.0)
    assert "too few" in fault
