"""How long a window Whisper's encoder is given for a clip.

Whisper was trained on windows of 30 s. It reads as well in shorter ones as long as they are not too short and some
silence follows the speech; where there is less, the right text comes, and then once more. Measured with tiny.en and
base on second-language speakers: `docs/benchmarks.md`, "Whisper on real weights".
"""

from __future__ import annotations

from dataclasses import dataclass

from audio.frames import ANALYSIS_HZ

# The models were trained on windows of this length, and take no longer ones.
WINDOW_S = 30.0
# Windows are rounded up to such steps, so that clips of several sessions share a batch.
STEP_S = 2.5


@dataclass(frozen=True, slots=True)
class WindowRule:
    """The window of a clip: its length and a margin of silence, but no less than a floor, in seconds."""

    floor_s: float = 10.0
    margin_s: float = 5.0

    def window_s(self, samples: int) -> float:
        """Return the window in seconds for so many samples at 16 kHz: rounded up to a step, at most 30 s."""
        needed_s = max(self.floor_s, samples / ANALYSIS_HZ + self.margin_s)
        return min(-(-needed_s // STEP_S) * STEP_S, WINDOW_S)

    def __str__(self) -> str:
        return f"at least {self.floor_s:g} s, {self.margin_s:g} s after the sound"
