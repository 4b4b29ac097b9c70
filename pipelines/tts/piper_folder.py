"""Piper voices in a folder that the operator owns: which are sound, whose voice each is, and why others are left out.

A voice is `NAME.onnx` with `NAME.onnx.json` beside it, at any depth. Piper's description doesn't say whether a man or a
woman speaks: `voices.yaml` in the folder does, and the catalogue knows the voices that it has itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from common.errors import EngineError
from pipelines.models.catalogue import SpeakerEntry
from pipelines.models.onnx_file import NotOnnx, read_onnx
from pipelines.tts.neural.voice_file import VoiceFile, read_voice

DESCRIPTIONS = "voices.yaml"
"""The operator's file that says whose voice each is."""

_INPUTS = ("input", "input_lengths", "scales")
_SPEAKER = "sid"


@dataclass(frozen=True, slots=True)
class PiperVoice:
    """A sound voice, and those of its speakers that may speak for a patient."""

    file: Path
    speakers: tuple[SpeakerEntry, ...]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A voice that speaks for nobody, and why, with what to do."""

    name: str
    reason: str
    foreign: bool = False


@dataclass(frozen=True, slots=True)
class PiperFolder:
    """What a folder has."""

    voices: tuple[PiperVoice, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    accent: str | None = Field(default=None, pattern=r"^en(-[a-z0-9]+)*$")
    age: int = Field(default=40, ge=1, le=120)


class _Person(_Part):
    sex: Literal["female", "male"]


class _Described(_Part):
    """What `voices.yaml` says of a voice: its sex, or for a voice of several speakers that of each."""

    sex: Literal["female", "male"] | None = None
    speakers: dict[str, _Person] = Field(default_factory=dict)


def read_piper_folder(folder: Path, known: Mapping[str, Sequence[SpeakerEntry]]) -> PiperFolder:
    """Return the voices in a folder; `known` has the speakers of voices by their file's name without `.onnx`.

    Raises EngineError (`model.not_installed`) for a folder that is not there, `model.format` for a `voices.yaml` that
    can't be read.
    """
    if not folder.is_dir():
        raise EngineError(
            f"models.piper_voices: {folder} is no folder; create it, or correct the path", code="model.not_installed"
        )
    described = _descriptions(folder / DESCRIPTIONS)
    files: dict[str, Path] = {}
    twice: list[LeftOut] = []
    for file in sorted(folder.rglob("*.onnx")):
        if (first := files.setdefault(file.stem, file)) is not file:
            twice.append(LeftOut(file.stem, f"{file} has the name of {first}; rename one of them"))
    voices: list[PiperVoice] = []
    left_out = twice + [
        LeftOut(name, f"{folder / DESCRIPTIONS} names it, and there is no {name}.onnx; correct the name")
        for name in described
        if name not in files
    ]
    for name, file in files.items():
        try:
            people = tuple(_speakers(file, described.get(name), known.get(name, ())))
        except _Foreign as foreign:
            left_out.append(LeftOut(name, str(foreign), foreign=True))
        except EngineError as error:
            left_out.append(LeftOut(name, error.message))
        else:
            voices.append(PiperVoice(file, people))
    return PiperFolder(tuple(voices), tuple(left_out))


class _Foreign(Exception):
    """The voice speaks another language than patients do."""


def _speakers(file: Path, described: _Described | None, known: Sequence[SpeakerEntry]) -> Iterator[SpeakerEntry]:
    """Yield who may speak with a voice; raises EngineError for one that lies or that nobody knows, or _Foreign."""
    voice = read_voice(file)
    _require_graph(file, voice)
    accent = _accent(file, voice)
    if described is None and known:
        yield from known
        return
    if described is None:
        raise EngineError(
            f"nobody says whether a man or a woman speaks; add '{file.stem}' with `sex` to {DESCRIPTIONS}"
        )
    if not voice.speakers:
        if described.sex is None:
            raise EngineError(f"{DESCRIPTIONS} doesn't say its sex; add `sex: female` or `sex: male`")
        yield SpeakerEntry(sex=described.sex, accent=described.accent or accent, age=described.age)
        return
    if not described.speakers:
        raise EngineError(
            f"it has {len(voice.speakers)} speakers; list those that may speak under `speakers` in {DESCRIPTIONS}"
        )
    for name, one in described.speakers.items():
        voice.speaker(name)
        yield SpeakerEntry(name=name, sex=one.sex, accent=one.accent or described.accent or accent, age=one.age)


def _require_graph(file: Path, voice: VoiceFile) -> None:
    """Raise EngineError for a file that is cut off, is no Piper voice, or has other speakers than is said."""
    try:
        inputs = read_onnx(file).inputs
    except NotOnnx as error:
        raise EngineError(f"{file} can't be used, {error}; copy it again", code="model.format") from error
    except OSError as error:
        raise EngineError(f"{file} can't be read ({error.strerror}); set its rights", code="model.format") from error
    lacking = [name for name in _INPUTS if name not in inputs]
    if lacking:
        raise EngineError(
            f"{file} holds no Piper voice (no input {lacking[0]}); take it away", code="model.architecture"
        )
    several = _SPEAKER in inputs
    if several != bool(voice.speakers):
        says, has = ("several speakers", "one") if voice.speakers else ("one speaker", "several")
        raise EngineError(
            f"{file.name}.json says that it has {says}, and its model has {has}; take the file that belongs to it",
            code="model.format",
        )


def _accent(file: Path, voice: VoiceFile) -> str:
    """Return a voice's accent as cards name it, from its language; raises _Foreign for another than English."""
    said: Any = json.loads(file.with_name(file.name + ".json").read_bytes()).get("language") or {}
    code = str(said.get("code") if isinstance(said, dict) else said) if said else voice.espeak_voice
    accent = code.replace("_", "-").lower()
    if accent.split("-")[0] != "en":
        raise _Foreign(f"it speaks '{accent}', and patients speak English")
    return "en-gb" if accent == "en" else accent


def _descriptions(file: Path) -> dict[str, _Described]:
    if not file.is_file():
        return {}
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        if not isinstance(data, dict):
            raise TypeError
        return {str(name): _Described.model_validate(fields) for name, fields in data.items()}
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise EngineError(f"{file}: {where}: {fault['msg']}", code="model.format") from error
    except (OSError, UnicodeDecodeError) as error:
        raise EngineError(f"{file} can't be read; set its rights, and save it as UTF-8", code="model.format") from error
    except (TypeError, yaml.YAMLError) as error:
        raise EngineError(f"{file} is no list of voices; write `NAME: {{sex: female}}`", code="model.format") from error
