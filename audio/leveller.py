"""A slow gain that brings a voice to the level that detectors and recognisers know, and leaves everything else alone.

Method: the adaptive digital gain of WebRTC's second gain controller (modules/audio_processing/agc2): the level is taken
from voiced audio only, the gain follows slowly, room noise bounds it, a limiter sees to peaks. Other than there the
gain begins at none, and a voice of an ordinary level is left as it is.
"""

from __future__ import annotations

from math import log10

import numpy as np
from numpy.typing import NDArray

from audio.frames import Pcm

# A voice near a headset has this level; EBU R 128 has programmes there.
TARGET_DBFS = -23.0
# Silero finds as much of a voice at -15 as at -35 dBFS, and Whisper reads it as well: a gain there would gain nothing.
ORDINARY_DB = 7.0  # to each side of the target
# Louder voices are clipped already, and what needs more than the most is lost in 16 bits.
LEAST_DB, MOST_DB = -6.0, 30.0
# A candidate moves, a microphone is turned: neither is quicker than this.
UP_DB_PER_S, DOWN_DB_PER_S = 3.0, 12.0
# At first nothing is known and words are being lost: the gain hurries until so much voice has been heard.
HURRY_DB_PER_S, HURRY_MS = 40.0, 2_000.0
# A voice's level is taken over so much of it: a few sentences.
MEMORY_MS = 3_000.0
# A frame that is so much above the voice counts no more than this: it is a knock at the microphone.
BUMP_DB = 10.0
# What is not known to be a voice is never lifted above this. At -45 Silero takes one room in five for a voice, at -50
# hardly one; and of voices it finds 95 % there, but only 82 % at -66.
UNKNOWN_DBFS = -50.0
# What stands so far out of the room may be a voice: it is lifted to there at once, so that the detector can tell.
STANDS_OUT_DB = 12.0
# That gain comes and goes so fast, and stays for so long if nobody speaks.
REACH_DB_PER_S, REACH_MS = 100.0, 1_000.0
ROOM_MEMORY_MS = 1_000.0
# A faint sentence is not learnt as the room; a fan that is switched on soon is.
ROOM_UP_DB_PER_S = 10.0
CEILING = 29_204  # -1 dBFS: a resampler's ripples stay below full scale
RELEASE_DB_PER_S = 100.0  # after a peak the gain is back within a word
RAMP_MS = 1.0  # a gain that falls at once would click
FLOOR_DBFS = -100.0  # what silence counts as: below the noise of 16 bits


class Leveller:
    """Applies the gain to one stream, frame by frame; the caller says afterwards in which frames somebody spoke."""

    def __init__(self, rate_hz: int, *, target_dbfs: float = TARGET_DBFS) -> None:
        self._target_dbfs = target_dbfs
        self._rate_hz = rate_hz
        self._ramp = max(1, round(rate_hz * RAMP_MS / 1000.0))
        # The gain at the end of the last frame is the wanted gain less the reduction by the limiter.
        self._applied_db = 0.0
        self._voiced_ms = 0.0
        self._voice_power = 0.0
        self._room_dbfs: float | None = None
        # The gain that was lent to what may be a voice stays so much longer.
        self._reaching_ms = 0.0
        self._lent = False  # whether some of it is still there
        self.gain_db = 0.0  # the slow one

    def process(self, samples: Pcm) -> Pcm:
        """Return int16 (n,) with the gain of this moment; the same array where there is none."""
        if not len(samples):
            return samples
        before_db, self._applied_db = self._applied_db, self.gain_db
        if before_db == self.gain_db == 0.0:
            return samples
        peak = max(int(samples.max()), -int(samples.min()), 1)
        # Audio that comes loud is not made quieter by the limiter, only not louder.
        most = max(CEILING, peak)
        if self.gain_db > 0.0:
            release_db = RELEASE_DB_PER_S * len(samples) / self._rate_hz
            limited_db = 20.0 * log10(most / peak)
            self._applied_db = min(self.gain_db, limited_db, max(before_db, 0.0) + release_db)
        levelled = samples.astype(np.float32) * self._curve(before_db, self._applied_db, len(samples))
        pcm: Pcm = np.clip(np.rint(levelled), -most, min(most, 32_767)).astype(np.int16)
        return pcm

    def _curve(self, before_db: float, after_db: float, count: int) -> NDArray[np.float32] | np.float32:
        """Return the factors from one gain to the next: up over the whole frame, down at once."""
        before, after = 10.0 ** (before_db / 20.0), 10.0 ** (after_db / 20.0)
        if before == after:
            return np.float32(after)
        curve = np.full(count, after, dtype=np.float32)
        ramp = min(self._ramp, count) if after < before else count
        curve[:ramp] = np.linspace(before, after, ramp, endpoint=False, dtype=np.float32)
        return curve

    def hear(self, level: float, frame_ms: float, *, voiced: bool) -> None:
        """Learn from a frame's level in dBFS before the gain: of a voice that is certain, or of none."""
        if voiced:
            self._hear_voice(level, frame_ms)
        else:
            self._hear_unknown(level, frame_ms)
        self._reaching_ms = 0.0 if voiced else max(0.0, self._reaching_ms - frame_ms)
        if self._voiced_ms or self.gain_db:
            self._follow(frame_ms)

    def _hear_voice(self, level: float, frame_ms: float) -> None:
        self._voiced_ms += frame_ms
        power = 10.0 ** (level / 10.0)
        if self._voice_power:
            power = min(power, self._voice_power * 10.0 ** (BUMP_DB / 10.0))
        self._voice_power += (power - self._voice_power) * frame_ms / min(self._voiced_ms, MEMORY_MS)

    def _hear_unknown(self, level: float, frame_ms: float) -> None:
        """Learn the room; reach for what stands out of it."""
        if self._room_dbfs is None:
            self._room_dbfs = level
        elif level <= FLOOR_DBFS:  # a microphone that is muted tells nothing of its room
            return
        elif level >= self._room_dbfs + STANDS_OUT_DB:
            lift = min(UNKNOWN_DBFS - level, MOST_DB)
            if lift > self.gain_db:
                self.gain_db = min(lift, self.gain_db + REACH_DB_PER_S * frame_ms / 1000.0)
            if lift > 0.0:
                self._reaching_ms = REACH_MS
                self._lent = True
        change = (level - self._room_dbfs) * min(1.0, frame_ms / ROOM_MEMORY_MS)
        self._room_dbfs += min(change, ROOM_UP_DB_PER_S * frame_ms / 1000.0)

    @property
    def voice_dbfs(self) -> float:
        """Level of the voice so far, before the gain."""
        return 10.0 * log10(self._voice_power) if self._voice_power else FLOOR_DBFS

    def _follow(self, frame_ms: float) -> None:
        """Take a step towards the gain that brings the voice among the ordinary ones."""
        wanted = self._wanted()
        up = HURRY_DB_PER_S if self._voiced_ms < HURRY_MS else UP_DB_PER_S
        step = frame_ms / 1000.0
        down = REACH_DB_PER_S if self._lent else DOWN_DB_PER_S
        if self._reaching_ms:
            down = 0.0
        self.gain_db += min(max(wanted - self.gain_db, -down * step), up * step)
        self._lent = self._lent and self.gain_db > wanted

    def _wanted(self) -> float:
        if not self._voiced_ms:
            return 0.0
        target, voice = self._target_dbfs, self.voice_dbfs
        wanted = max(0.0, target - ORDINARY_DB - voice) + min(0.0, target + ORDINARY_DB - voice)
        if self._room_dbfs is not None and wanted > 0.0:
            wanted = max(0.0, min(wanted, UNKNOWN_DBFS - self._room_dbfs))
        return min(max(wanted, LEAST_DB), MOST_DB)
