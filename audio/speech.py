"""Where speech starts and pauses: a state machine over voice activity, on the media timeline.

    QUIET ──p ≥ on──► STARTING ──voiced for start_ms──► SPEAKING ──p < off──► STOPPING ──silent for stop_ms──► QUIET
      ▲                  │                                  ▲                    │
      └─────p < off──────┘                                  └──────p ≥ on────────┘

SpeechHinted is told on entering STARTING, SpeechDenied on going back to QUIET from there, SpeechStarted on entering
SPEAKING from STARTING. SpeechPaused is told in STOPPING once it has been silent for pause_ms, SpeechResumed when speech
goes on after that; until stop_ms have passed one voiced window is enough, and the audio still belongs to the stretch.
Pure: no clock, no thread. Times are media milliseconds, counted from samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from audio.frames import ANALYSIS_HZ, Pcm, samples_for
from audio.vad import Vad
from common.errors import AudioError

# Positions are floats that went through rates and rounding; a lost frame is 20 ms.
POSITION_TOLERANCE_MS = 1.0


class SpeechSettings(BaseModel):
    """When audio counts as the start of speech, and when silence as a pause."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    on_threshold: float = Field(default=0.5, gt=0, lt=1)  # Silero's highest on noises, tunes and hum was 0.44
    off_threshold: float = Field(default=0.35, gt=0, lt=1)  # lower, so that soft sounds inside a word don't end it
    # These are three windows: a click or a lip smack fills one or two.
    start_ms: float = Field(default=96, ge=0, le=1000)
    pause_ms: float = Field(default=64, gt=0, le=5000)  # the detector has let go late already: see `stop_ms`
    # The closure of a stop consonant is shorter: about 100 ms.
    stop_ms: float = Field(default=200, gt=0, le=5000)
    # In nine of ten cases, detection comes at most 150 ms after the onset.
    preroll_ms: float = Field(default=300, ge=0, le=2000)

    @model_validator(mode="after")
    def _off_is_below_on(self) -> SpeechSettings:
        if self.off_threshold > self.on_threshold:
            raise ValueError("off_threshold must not be above on_threshold, or speech would flicker")
        if self.pause_ms > self.stop_ms:
            raise ValueError("pause_ms must not be above stop_ms, at which a stretch of speech ends")
        return self


class SpeechState(StrEnum):
    """Where the detector is in the drawing above."""

    QUIET = "quiet"
    STARTING = "starting"
    SPEAKING = "speaking"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class SpeechHinted:
    """Something voiced began at `voiced_from_ms`; SpeechStarted or SpeechDenied follows."""

    at_ms: float
    voiced_from_ms: float


@dataclass(frozen=True, slots=True)
class SpeechDenied:
    """What was hinted at was too short to be speech."""

    at_ms: float


@dataclass(frozen=True, slots=True, eq=False)
class SpeechBegan:
    """Speech is certain at `at_ms` and was first voiced at `voiced_from_ms`.

    `preroll` is all audio to be recognised so far, int16 (n,) at 16 kHz ending at `preroll_end_ms`: up to
    `preroll_ms` of what came before the first voice, but never anything that was delivered already.
    """

    at_ms: float
    voiced_from_ms: float
    preroll: Pcm
    preroll_end_ms: float


@dataclass(frozen=True, slots=True, eq=False)
class SpeechAudio:
    """The next piece of the segment under way: int16 (n,) at 16 kHz that starts at media time `at_ms`."""

    samples: Pcm
    at_ms: float


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """It has been silent since `silent_since_ms`; at `at_ms` that was long enough to be a pause."""

    at_ms: float
    silent_since_ms: float


@dataclass(frozen=True, slots=True)
class SpeechContinued:
    """Speech goes on after a short pause, voiced since `voiced_from_ms`; its audio has been delivered without a gap."""

    at_ms: float
    voiced_from_ms: float


SpeechEvent = SpeechHinted | SpeechDenied | SpeechBegan | SpeechAudio | SpeechPaused | SpeechContinued


class SpeechDetector:
    """Cuts one candidate's stream into spoken stretches; every sample of a stretch is delivered once, in order.

    A resumption after `stop_ms` is a new SpeechStarted. How the stream is cut into chunks changes neither events nor
    their times, only how SpeechAudio is divided. `vad` belongs to this stream alone.
    """

    def __init__(self, vad: Vad, settings: SpeechSettings | None = None) -> None:
        self._vad = vad
        self._settings = settings or SpeechSettings()
        self.state = SpeechState.QUIET
        self.probability = 0.0  # of the last whole window
        self._origin_ms: float | None = None  # media time of sample 0
        # The detector has decided about so many samples since the origin.
        self._judged = 0
        # The samples before this one were handed out, or will never be.
        self._delivered = 0
        self._voiced_from = 0
        self._silent_since = 0
        self._paused = False  # the pause at hand was told
        # This may still have to be handed out; the newest audio is last.
        self._held: Pcm = np.zeros(0, dtype=np.int16)
        self._received = 0

    def process(self, samples: Pcm, at_ms: float | None = None) -> list[SpeechEvent]:
        """Take int16 (n,) at 16 kHz, any n, starting at media time `at_ms` (None: where the last ended).

        Returns what happened, in order. Raises AudioError when `at_ms` leaves a gap or goes back: media time has none
        (missing audio comes as silence), so the caller counts wrongly.
        """
        self._check_position(at_ms)
        probabilities = self._vad.process(samples)
        self._held = np.concatenate([self._held, samples])
        self._received += len(samples)
        events: list[SpeechEvent] = []
        for probability in probabilities:
            self._judge(probability, events)
        if self._speech_is_on:
            # The started window is delivered too: the recogniser needn't wait for its end.
            self._deliver(self._received, events)
        self._forget_old()
        return events

    def finish(self) -> list[SpeechEvent]:
        """End the stream: a stretch under way is paused where the audio ends."""
        events: list[SpeechEvent] = []
        if self._speech_is_on:
            self._deliver(self._received, events)
            since = self._silent_since if self.state is SpeechState.STOPPING else self._received
            if not self._paused:
                events.append(SpeechPaused(self._ms(self._received), self._ms(since)))
        self.state = SpeechState.QUIET
        return events

    @property
    def _speech_is_on(self) -> bool:
        return self.state in (SpeechState.SPEAKING, SpeechState.STOPPING)

    def _judge(self, probability: float, events: list[SpeechEvent]) -> None:
        """Take the next window's probability: one step through the drawing above."""
        window_start = self._judged
        self._judged = now = window_start + self._vad.window_samples
        self.probability = probability
        voiced = probability >= self._settings.on_threshold
        silent = probability < self._settings.off_threshold
        if self.state is SpeechState.QUIET and voiced:
            self.state = SpeechState.STARTING
            self._voiced_from = window_start
            events.append(SpeechHinted(self._ms(now), self._ms(window_start)))
        elif self.state is SpeechState.STARTING and silent:
            self.state = SpeechState.QUIET
            events.append(SpeechDenied(self._ms(now)))
        elif self.state is SpeechState.SPEAKING and silent:
            self.state = SpeechState.STOPPING
            self._silent_since = window_start
        elif self.state is SpeechState.STOPPING and voiced:
            self.state = SpeechState.SPEAKING
            if self._paused:
                self._paused = False
                events.append(SpeechContinued(self._ms(now), self._ms(window_start)))
        # Not `elif`: with start_ms or stop_ms of one window, one window is enough.
        if self.state is SpeechState.STARTING and now - self._voiced_from >= _samples(self._settings.start_ms):
            self.state = SpeechState.SPEAKING
            self._paused = False
            events.append(self._started(now))
        if self.state is SpeechState.STOPPING:
            silent_samples = now - self._silent_since
            if not self._paused and silent_samples >= _samples(self._settings.pause_ms):
                self._paused = True
                self._deliver(now, events)
                events.append(SpeechPaused(self._ms(now), self._ms(self._silent_since)))
            if silent_samples >= _samples(self._settings.stop_ms):
                self._deliver(now, events)
                self.state = SpeechState.QUIET

    def _started(self, now: int) -> SpeechBegan:
        start = max(self._delivered, self._voiced_from - _samples(self._settings.preroll_ms))
        preroll = self._cut(start, now)
        self._delivered = now
        return SpeechBegan(self._ms(now), self._ms(self._voiced_from), preroll, self._ms(now))

    def _deliver(self, end: int, events: list[SpeechEvent]) -> None:
        if end > self._delivered:
            events.append(SpeechAudio(self._cut(self._delivered, end), self._ms(self._delivered)))
            self._delivered = end

    def _cut(self, start: int, end: int) -> Pcm:
        held_from = self._received - len(self._held)
        return self._held[start - held_from : end - held_from].copy()

    def _forget_old(self) -> None:
        anchor = self._voiced_from if self.state is SpeechState.STARTING else self._judged
        keep_from = max(self._delivered, anchor - _samples(self._settings.preroll_ms))
        self._held = self._held[max(0, keep_from - (self._received - len(self._held))) :]

    def _check_position(self, at_ms: float | None) -> None:
        if self._origin_ms is None:
            self._origin_ms = 0.0 if at_ms is None else at_ms
        elif at_ms is not None and abs(at_ms - self._ms(self._received)) > POSITION_TOLERANCE_MS:
            raise AudioError(
                f"sound for {at_ms:.1f} ms came where {self._ms(self._received):.1f} ms was expected; "
                "fill what is missing with silence",
                code="audio.gap",
            )

    def _ms(self, sample: int) -> float:
        return (self._origin_ms or 0.0) + 1000.0 * sample / ANALYSIS_HZ


def _samples(duration_ms: float) -> int:
    return samples_for(duration_ms, ANALYSIS_HZ)
