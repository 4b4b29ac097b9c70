"""Makes the audio fixtures and their truth files from `fixtures.yaml`: `python -m tests.data.make_fixtures`.

Speech comes from flite (Debian's package), everything else from numpy with fixed seeds, so that the same versions give
the same bytes. Truths are measured on the clean speech, before noise is added and before it is made too loud.
"""

from __future__ import annotations

import argparse
import sys
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from audio.frames import ANALYSIS_HZ, Pcm, to_pcm
from pipelines.truth import Truth, TruthSegment, TruthSound, TruthSpan, TruthTurn
from tests.data.making import Made, resample, run_flite, truth_bytes, write_all
from tests.data.sound import (
    WINDOW_MS,
    Sound,
    cough,
    gain,
    pink_noise,
    quiet_spans,
    voiced_level,
    voiced_span,
    window_levels,
)

HERE = Path(__file__).parent
PLAN = HERE / "fixtures.yaml"
# The voiced parts have this level, which is a usual microphone's, with room for peaks.
SPEECH_DB = -28.0
# This is the level of a quiet room, so that a cough does not come out of digital silence.
ROOM_DB = -66.0
# The noise of noise.flac is loud enough to open a gate that only measures energy.
NOISE_DB = -46.0
PAUSE_AT_LEAST_MS = 200  # shorter gaps are stops between consonants, not pauses

Speak = Callable[[str, str, float], Sound]
"""(text, voice, stretch) -> speech at 16 kHz; stretch 1.1 is ten per cent slower."""


class _Plan(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TurnPlan(_Plan):
    """One turn to make: pieces of text with pauses in ms between them."""

    voice: Literal["rms", "slt", "awb", "kal16"]
    stretch: float = Field(ge=0.7, le=1.5)
    gap_ms: int = Field(ge=0, multiple_of=WINDOW_MS)
    expect: str | None = None
    pause: Literal["joined", "inserted"] | None = None
    say: tuple[int | str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _pieces_and_pauses_alternate(self) -> TurnPlan:
        for index, part in enumerate(self.say):
            if isinstance(part, str) != (index % 2 == 0) or (isinstance(part, int) and part % WINDOW_MS):
                raise ValueError("'say' must be text, pause, text, ... with pauses in steps of 10 ms")
        if len(self.say) % 2 == 0:
            raise ValueError("'say' must end with text")
        return self

    @property
    def pieces(self) -> tuple[str, ...]:
        """The texts, without pauses."""
        return tuple(part for part in self.say if isinstance(part, str))

    @property
    def pauses_ms(self) -> tuple[int, ...]:
        """The pauses between the texts, one fewer."""
        return tuple(part for part in self.say if isinstance(part, int))


class FixturePlan(_Plan):
    """One fixture to make."""

    name: str = Field(pattern=r"^[a-z0-9-]+\.(flac|wav)$")
    note: str
    kind: Literal["speech", "silence", "noise", "cough"] = "speech"
    card: str | None = None
    rate_hz: int = ANALYSIS_HZ
    speech_in: Literal["mono", "left"] = "mono"
    noise_db: float | None = Field(default=None, lt=0)  # relative to the speech
    boost_db: float = 0.0
    duration_ms: int = 0  # of audio without speech
    # This silence follows the last turn; by default it is longer than an endpointing rule waits.
    tail_ms: int = 1500
    turns: tuple[TurnPlan, ...] = ()


def read_plans(path: Path = PLAN) -> list[FixturePlan]:
    """Return what a plan asks for."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [FixturePlan.model_validate(entry) for entry in content["fixtures"]]


def flite(text: str, voice: str, stretch: float) -> Sound:
    """Return `text` spoken by flite, at 16 kHz; raises AudioError when flite is missing or fails."""
    sound, _ = run_flite("-t", text, voice=voice, stretch=stretch)
    return sound


def make(plan: FixturePlan, speak: Speak) -> tuple[Pcm, Truth]:
    """Return the audio of `plan`, int16 of shape (samples,) or (samples, 2) at its rate, and its truth."""
    rng = np.random.default_rng(zlib.crc32(plan.name.encode()))
    turns: tuple[TruthTurn, ...] = ()
    sounds: tuple[TruthSound, ...] = ()
    if plan.kind == "speech":
        sound, turns = _consultation(plan, speak)
    else:
        sound, sounds = _without_speech(plan, rng)
    noise = np.zeros_like(sound)
    if plan.noise_db is not None:
        noise = pink_noise(len(sound), level_db=SPEECH_DB + plan.noise_db, rng=rng)
    channels = np.stack([sound, noise], axis=1) if plan.speech_in == "left" else sound + noise
    channels = resample(channels, ANALYSIS_HZ, plan.rate_hz)
    truth = Truth(
        card=plan.card,
        voices=tuple(dict.fromkeys(turn.voice for turn in plan.turns)),
        rate_hz=plan.rate_hz,
        speech_in=plan.speech_in if turns else "none",
        noise_db=plan.noise_db,
        note=plan.note,
        turns=turns,
        sounds=sounds,
    )
    return to_pcm(channels * gain(plan.boost_db)), truth


def _without_speech(plan: FixturePlan, rng: np.random.Generator) -> tuple[Sound, tuple[TruthSound, ...]]:
    samples = plan.duration_ms * ANALYSIS_HZ // 1000
    if plan.kind == "noise":
        noise = pink_noise(samples, level_db=NOISE_DB, rng=rng)
        return noise, (TruthSound(from_ms=0, to_ms=plan.duration_ms, name="pink noise"),)
    sound = np.zeros(samples)
    if plan.kind == "silence":
        return sound, ()
    sound += pink_noise(samples, level_db=ROOM_DB, rng=rng)
    # Each is from_ms, duration_ms and peak dBFS: a second cough is weaker.
    bursts = ((1000, 250, -6.0), (1650, 240, -9.0))
    for from_ms, duration_ms, level_db in bursts:
        _add(sound, cough(ANALYSIS_HZ, duration_ms=duration_ms, level_db=level_db, rng=rng), from_ms)
    return sound, tuple(TruthSound(from_ms=at, to_ms=at + length, name="cough") for at, length, _ in bursts)


def _consultation(plan: FixturePlan, speak: Speak) -> tuple[Sound, tuple[TruthTurn, ...]]:
    """Return clean speech with silence between the turns, and the turns as measured."""
    made = [_speak_turn(turn, speak) for turn in plan.turns]
    length_ms = sum(
        turn.gap_ms + len(sound) * 1000 // ANALYSIS_HZ for turn, (sound, _) in zip(plan.turns, made, strict=True)
    )
    track = np.zeros((length_ms + plan.tail_ms) * ANALYSIS_HZ // 1000)
    turns: list[TruthTurn] = []
    end_ms = 0
    for turn, (sound, segments) in zip(plan.turns, made, strict=True):
        first = segments[0].from_ms
        start_ms = end_ms + turn.gap_ms - first
        _add(track, sound, start_ms)
        loudest_db = float(window_levels(sound, ANALYSIS_HZ).max())
        voiced = sound[first * ANALYSIS_HZ // 1000 : segments[-1].to_ms * ANALYSIS_HZ // 1000]
        begin = end_ms + turn.gap_ms
        pauses = quiet_spans(voiced, ANALYSIS_HZ, loudest_db=loudest_db, at_least_ms=PAUSE_AT_LEAST_MS)
        end_ms = start_ms + segments[-1].to_ms
        turns.append(
            TruthTurn(
                from_ms=begin,
                to_ms=end_ms,
                text=" ".join(turn.pieces),
                expect=turn.expect,
                voice=turn.voice,
                pause=turn.pause,
                segments=tuple(
                    TruthSegment(from_ms=start_ms + s.from_ms, to_ms=start_ms + s.to_ms, text=s.text) for s in segments
                ),
                pauses=tuple(TruthSpan(from_ms=begin + start, to_ms=begin + end) for start, end in pauses),
            )
        )
    return track[: (end_ms + plan.tail_ms) * ANALYSIS_HZ // 1000], tuple(turns)


def _speak_turn(turn: TurnPlan, speak: Speak) -> tuple[Sound, list[TruthSegment]]:
    """Return one turn at the speech level, and its segments in ms of this audio.

    A piece's quiet onset and tail are kept: they overlap the pause, which is measured from voice to voice.
    """
    pieces = [_on_grid(speak(text, turn.voice, turn.stretch)) for text in turn.pieces]
    loudest_db = max(float(window_levels(piece, ANALYSIS_HZ).max()) for piece in pieces)
    spans = [voiced_span(piece, ANALYSIS_HZ, loudest_db=loudest_db) for piece in pieces]
    sound = np.zeros(sum(map(len, pieces)) + sum(turn.pauses_ms) * ANALYSIS_HZ // 1000)
    segments: list[TruthSegment] = []
    for text, piece, (first, end), pause_ms in zip(turn.pieces, pieces, spans, (0, *turn.pauses_ms), strict=True):
        voice_at = segments[-1].to_ms + pause_ms if segments else first
        _add(sound, piece, voice_at - first)
        segments.append(TruthSegment(from_ms=voice_at, to_ms=voice_at + end - first, text=text))
    return sound * gain(SPEECH_DB - voiced_level(sound, ANALYSIS_HZ)), segments


def _on_grid(sound: Sound) -> Sound:
    return np.pad(sound, (0, -len(sound) % (ANALYSIS_HZ * WINDOW_MS // 1000)))


def _add(track: Sound, sound: Sound, at_ms: int) -> None:
    """Mix `sound` into `track`; what would come before its start is left out."""
    start = at_ms * ANALYSIS_HZ // 1000
    cut = max(0, -start)
    track[start + cut : start + len(sound)] += sound[cut:]


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the named fixtures, or all; return the exit status."""
    parser = argparse.ArgumentParser(description="Make the sound fixtures and their truth files.")
    parser.add_argument("names", nargs="*", help="sounds to make, as in fixtures.yaml; none: all")
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to (default: beside this script)")
    parser.add_argument("--plan", type=Path, default=PLAN, help="file that says what to make (default: fixtures.yaml)")
    options = parser.parse_args(arguments)
    plans = {plan.name: plan for plan in read_plans(options.plan)}
    unknown = [name for name in options.names if name not in plans]
    if unknown:
        parser.error(f"not in {options.plan.name}: {', '.join(unknown)}")
    return write_all((_made(plans[name]) for name in options.names or plans), options.out)


def _made(plan: FixturePlan) -> Made:
    samples, truth = make(plan, flite)
    return Made(plan.name, samples, plan.rate_hz, truth_bytes(truth, "make_fixtures.py"))


if __name__ == "__main__":
    sys.exit(main())
