"""Whether a voice comes as it should: too faint, clipped, or in too much noise. Pure and incremental."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from math import log10

import numpy as np

from audio.frames import Pcm
from audio.speech import SpeechState

# So much speech is judged at once: a word may be whispered, a laugh may be loud.
VOICE_MS = 3_000.0
# So much of the room must have been heard before it is called noisy.
ROOM_MS = 2_000.0
FAINT_DBFS = -45.0  # a voice at arm's length from a laptop has about -30
# A loud vowel in a sentence clips a smaller share of a voice's samples.
CLIPPED_SHARE = 0.01
# This is half a dB below full scale: a codec on the way makes cut peaks uneven, and few stay at the top.
CLIPPED_AT = 30_935
# With less than this between a voice and its room, recognisers make twice as many errors.
NOISY_DB = 10.0
# Speech is noticed after its beginning: what was heard just before it counts as no room.
ONSET_MS = 320.0


class SoundFault(StrEnum):
    """What can be wrong with a voice's sound."""

    FAINT = "faint"
    CLIPPED = "clipped"
    NOISY = "noisy"


@dataclass(frozen=True, slots=True)
class SoundFinding:
    """A fault, and the figures it was found by: the level of speech, and how far the room is below it (None: unknown).

    `clipped_share` is the share of the voice's samples that stand at full scale, 0 to 1.
    """

    fault: SoundFault
    speech_dbfs: float
    above_room_db: float | None
    clipped_share: float


class SoundCheck:
    """Judges each three seconds of speech; tells each fault once."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._told: set[SoundFault] = set()
        self._begin()
        # These are levels of the room in dB, times their lengths: a cough or a door counts for little.
        self._room_db_ms = 0.0
        self._room_ms = 0.0
        self._recent: deque[tuple[float, float]] = deque()  # of the room so far: (dBFS, ms)
        self._recent_ms = 0.0

    def _begin(self) -> None:
        self._voice_ms = 0.0
        self._power_ms = 0.0
        self._samples = 0
        self._clipped = 0

    def check_frame(self, raw: Pcm, level: float, state: SpeechState) -> list[SoundFinding]:
        """Take a frame as it came, int16 (n,), its level without rumble, what the detector says; return new faults."""
        if not len(raw) or len(self._told) == len(SoundFault):
            return []
        frame_ms = 1000.0 * len(raw) / self._rate_hz
        if state is SpeechState.QUIET:
            if raw.any():  # a microphone that is muted tells nothing of its room
                self._hear_room(level, frame_ms)
            return []
        self._recent.clear()
        self._recent_ms = 0.0
        if state is not SpeechState.SPEAKING:
            return []
        self._voice_ms += frame_ms
        self._power_ms += 10.0 ** (level / 10.0) * frame_ms
        self._samples += len(raw)
        if int(raw.max()) >= CLIPPED_AT or int(raw.min()) <= -CLIPPED_AT:
            self._clipped += int(np.count_nonzero((raw >= CLIPPED_AT) | (raw <= -CLIPPED_AT)))
        if self._voice_ms < VOICE_MS:
            return []
        found = self._judge()
        self._begin()
        return found

    def _hear_room(self, level: float, frame_ms: float) -> None:
        self._recent.append((level, frame_ms))
        self._recent_ms += frame_ms
        while self._recent_ms - self._recent[0][1] >= ONSET_MS:
            old, old_ms = self._recent.popleft()
            self._recent_ms -= old_ms
            self._room_db_ms += old * old_ms
            self._room_ms += old_ms

    def _judge(self) -> list[SoundFinding]:
        speech = 10.0 * log10(self._power_ms / self._voice_ms)
        room = self._room_db_ms / self._room_ms if self._room_ms >= ROOM_MS else None
        above = None if room is None else speech - room
        share = self._clipped / self._samples
        faults = {
            SoundFault.FAINT: speech < FAINT_DBFS,
            SoundFault.CLIPPED: share >= CLIPPED_SHARE,
            SoundFault.NOISY: above is not None and above < NOISY_DB,
        }
        new = [fault for fault, is_there in faults.items() if is_there and fault not in self._told]
        self._told.update(new)
        return [SoundFinding(fault, speech, above, share) for fault in new]
