"""The last seconds of a stream: what is kept, and from which media time on."""

from __future__ import annotations

import numpy as np
import pytest

from audio.frames import Pcm
from audio.recent import RecentAudio

RATE_HZ = 16_000


def counted(start: int, count: int) -> Pcm:
    return np.arange(start, start + count).astype(np.int16)


@pytest.mark.parametrize("piece", [1, 320, 333, 5_000])
def test_it_keeps_the_newest_in_order(piece: int) -> None:
    recent = RecentAudio(rate_hz=RATE_HZ, length_ms=100.0)
    for start in range(0, 20_000, piece):
        recent.append(counted(start, piece), 1000.0 * (start + piece) / RATE_HZ)
    end = -(-20_000 // piece) * piece
    assert (recent.since(0.0) == counted(end - 1_600, 1_600)).all()
    from_ms = 1000.0 * end / RATE_HZ - 50.0
    assert (recent.since(from_ms) == counted(end - 800, 800)).all()


def test_it_has_no_more_than_there_was() -> None:
    recent = RecentAudio(rate_hz=RATE_HZ, length_ms=100.0)
    assert len(recent.since(0.0)) == 0
    recent.append(counted(1, 160), 10.0)
    assert (recent.since(-500.0) == counted(1, 160)).all()
    assert len(recent.since(10.0)) == 0
    assert len(recent.since(99.0)) == 0
