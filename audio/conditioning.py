"""The candidate's audio before anything listens to it: without rumble, and at a level that detectors know.

Recordings, and whether audio is clipped, are taken from what came. The ends of speech and latency are told from the
`clean` audio, whose levels within a turn are as they were spoken. Voice detector, recogniser and the watch for echoes
get the `levelled` one.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log10

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from audio.frames import Pcm
from audio.leveller import FLOOR_DBFS, TARGET_DBFS, Leveller
from audio.rumble import HighPass
from audio.sound_check import SoundCheck, SoundFinding
from audio.speech import SpeechState


class AudioSettings(BaseModel):
    """How the candidate's audio is prepared for voice detector and recogniser; the recording stays as it came."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    high_pass: bool = Field(default=True, description="Whether to remove offset, mains hum and rumble.")
    level: bool = Field(default=True, description="Whether to level voices that are too faint or too loud.")
    target_dbfs: float = Field(
        default=TARGET_DBFS,
        ge=-35,
        le=-15,
        description="Target level of speech in dB of full scale; within 7 dB of it nothing is changed.",
    )


@dataclass(frozen=True, slots=True, eq=False)
class Conditioned:
    """One piece of audio, int16 (n,) at one rate: as it came, without rumble, and levelled besides."""

    raw: Pcm
    clean: Pcm
    levelled: Pcm


class Conditioner:
    """Prepares one stream frame by frame, and learns from each what the voice detector makes of it."""

    def __init__(self, rate_hz: int, settings: AudioSettings | None = None) -> None:
        self._rate_hz = rate_hz
        settings = settings or AudioSettings()
        self._high_pass = HighPass(rate_hz) if settings.high_pass else None
        self._leveller = Leveller(rate_hz, target_dbfs=settings.target_dbfs) if settings.level else None
        self._check = SoundCheck(rate_hz)

    def process(self, samples: Pcm) -> Conditioned:
        """Return int16 (n,) conditioned; the detector is then given `levelled`, and `judge` told what it found."""
        clean = samples if self._high_pass is None else self._high_pass.process(samples)
        return Conditioned(samples, clean, clean if self._leveller is None else self._leveller.process(clean))

    def judge(self, audio: Conditioned, state: SpeechState) -> list[SoundFinding]:
        """Learn from a frame in which nobody else was to be heard; return what its speaker should be told."""
        if not len(audio.clean):
            return []
        level = _level_dbfs(audio.clean)
        # Between them it is anybody's guess.
        if self._leveller is not None and state in (SpeechState.SPEAKING, SpeechState.QUIET):
            frame_ms = 1000.0 * len(audio.clean) / self._rate_hz
            self._leveller.hear(level, frame_ms, voiced=state is SpeechState.SPEAKING)
        return self._check.check_frame(audio.raw, level, state)


def _level_dbfs(samples: Pcm) -> float:
    """Return the RMS level of int16 (n,), in a fifth of the time that `level_dbfs` takes; silence is FLOOR_DBFS."""
    values = samples.astype(np.float32)
    power = float(np.dot(values, values)) / len(values) / 32_768.0**2
    return max(10.0 * log10(power), FLOOR_DBFS) if power > 0.0 else FLOOR_DBFS
