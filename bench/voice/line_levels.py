"""How loud a voice's lines are, how high their peaks, and how long nothing is heard before the first word."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

from audio.frames import WIRE_HZ
from audio.loudness import first_audible_ms
from audio.programme_loudness import programme_loudness
from bench.report_figures import Figure
from bench.voice.lines import SpokenLine
from pipelines.tts.neural.levels import TARGET_LUFS

_NEAR_LU = 1.0


def level_figures(name: str, spoken: Sequence[SpokenLine]) -> list[Figure]:
    """Return how the lines' loudness lies about the target, their highest peak and longest silence before a word."""
    measured = [programme_loudness(line.samples, WIRE_HZ) for line in spoken]
    # A mood makes a patient louder or quieter: that is no fault.
    away = [abs(one.lufs - TARGET_LUFS - line.line.voice.level_db) for one, line in zip(measured, spoken, strict=True)]
    leads = [first_audible_ms(line.samples, WIRE_HZ) or 0.0 for line in spoken]
    count = len(spoken)
    far = max(range(count), key=away.__getitem__)
    return [
        Figure(f"loudness_lufs/{name}", mean(one.lufs for one in measured), "LUFS", n=count),
        Figure(f"loudness_near/{name}", sum(one <= _NEAR_LU for one in away) / count, "share", n=count, note="1 LU"),
        Figure(f"loudness_furthest_lu/{name}", away[far], "LU", n=count, note=spoken[far].line.text),
        Figure(f"true_peak_dbtp/{name}", max(one.peak_dbtp for one in measured), "dB", n=count),
        Figure(f"lead_ms/{name}", max(leads), "ms", n=count),
    ]
