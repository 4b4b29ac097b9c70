"""What is known of a recording: who says what, from when to when, with which pauses.

A truth file lies beside its audio, with the same stem: `visit.flac` and `visit.truth.yaml`. Replay takes its turns from
it, and voice-to-voice latency its last voiced sample. All times are milliseconds of media time from the first sample.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from common.errors import AudioError
from pipelines.patient.card import Slug, Text
from pipelines.strict_yaml import load_strict

SUFFIX = ".truth.yaml"

Milliseconds = Annotated[int, Field(ge=0)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Speech = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000)]
"""Words as spoken; longer than a card's texts may be, since a turn can last minutes."""


class _TruthPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TruthSpan(_TruthPart):
    """A stretch of the audio in milliseconds, not empty; `to_ms` is exclusive."""

    from_ms: Milliseconds
    to_ms: Milliseconds

    @model_validator(mode="after")
    def _runs_forward(self) -> Self:
        if self.to_ms <= self.from_ms:
            raise ValueError(f"to_ms ({self.to_ms}) must be later than from_ms ({self.from_ms})")
        return self

    @property
    def duration_ms(self) -> int:
        """Length in milliseconds."""
        return self.to_ms - self.from_ms


class TruthSegment(TruthSpan):
    """A piece of a turn that was spoken in one go."""

    text: Speech


class TruthTurn(TruthSpan):
    """One turn of the candidate: `from_ms` is its first voiced sample, `to_ms` the end of its last voiced one.

    `expect` says what the turn ought to be taken for: a cue's id or an intent. `pauses` are the quiet stretches between
    the turn's ends, whether between two segments or at a comma. Segments and pauses are ordered, do not overlap among
    themselves and stay inside the turn. `pause` says how synthetic speech got its pauses: inserted into a whole
    sentence, or joined from pieces.
    """

    text: Speech
    expect: Slug | None = None
    voice: Name | None = None
    pause: Literal["joined", "inserted"] | None = None
    segments: tuple[TruthSegment, ...] = ()
    pauses: tuple[TruthSpan, ...] = ()

    @model_validator(mode="after")
    def _parts_lie_inside(self) -> Self:
        for name, parts in (("segments", self.segments), ("pauses", self.pauses)):
            _check_ordered(parts, name)
            for part in parts:
                if part.from_ms < self.from_ms or part.to_ms > self.to_ms:
                    raise ValueError(
                        f"{name}: {part.from_ms}..{part.to_ms} ms leaves its turn {self.from_ms}..{self.to_ms} ms"
                    )
        return self


class TruthSound(TruthSpan):
    """A sound that is no speech, such as a cough: it must neither start a turn nor interrupt the patient."""

    name: Name


class Truth(_TruthPart):
    """All that is known of one recording; one without speech has no turns.

    `rate_hz` is that of the audio file. `speech_in` says which channels of the file carry the speech. `noise_db` is the
    level of added noise relative to the speech's mean level; None where none was added.
    """

    card: Slug | None = None
    voices: tuple[Name, ...] = ()
    rate_hz: Annotated[int, Field(gt=0)]
    speech_in: Literal["mono", "left", "right", "both", "none"] = "mono"
    noise_db: float | None = None
    note: Text | None = None
    turns: tuple[TruthTurn, ...] = ()
    sounds: tuple[TruthSound, ...] = ()

    @model_validator(mode="after")
    def _turns_are_ordered(self) -> Self:
        _check_ordered(self.turns, "turns")
        _check_ordered(self.sounds, "sounds")
        if self.turns and self.speech_in == "none":
            raise ValueError("speech_in is 'none', yet there are turns")
        return self


def truth_path(audio_path: Path) -> Path:
    """Return where the truth file of a recording is looked for: the same stem, `.truth.yaml`."""
    return audio_path.with_name(audio_path.stem + SUFFIX)


def load_truth(path: Path) -> Truth | None:
    """Return what is known of a recording, or None when it has no truth file.

    `path` names the audio or its truth file. Raises AudioError (`audio.truth`) when the file is there but can't be read
    or says something impossible; the message names the file and the place in it.
    """
    file = path if path.name.endswith(SUFFIX) else truth_path(path)
    try:
        return parse_truth(file.read_bytes(), file.name)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _broken(file.name, error.strerror or "it can't be read") from error


def parse_truth(text: bytes, name: str) -> Truth:
    """Return what a truth file's bytes say; raises AudioError (`audio.truth`), which calls the file `name`."""
    try:
        content = load_strict(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _broken(name, "it is not UTF-8 text") from error
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise _broken(name, f"{line}{error.problem or 'not YAML'}") from error
    except yaml.YAMLError as error:
        raise _broken(name, "it is not YAML") from error
    except RecursionError as error:
        raise _broken(name, "it is nested too deep") from error
    except ValueError as error:  # e.g. a date that does not exist
        raise _broken(name, "one of its values is none") from error
    try:
        return Truth.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise _broken(name, f"{place}: {first['msg']}") from error


def _broken(name: str, why: str) -> AudioError:
    return AudioError(f"{name} can't be used ({why}); correct it, or remove it", code="audio.truth")


def _check_ordered(spans: tuple[TruthSpan, ...], name: str) -> None:
    for number, (earlier, later) in enumerate(itertools.pairwise(spans), start=2):
        if later.from_ms < earlier.to_ms:
            raise ValueError(f"{name}: number {number} starts at {later.from_ms} ms, before {earlier.to_ms} ms")
