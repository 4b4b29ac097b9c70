"""Which neural voices are here, and which of them speaks for a patient: never a man's voice for a woman."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipelines.engines import Voice
from pipelines.models.catalogue import CatalogueEntry
from pipelines.models.model_folders import ModelPlace, catalogue_of, installed_models
from pipelines.models.settings import ModelSettings
from pipelines.models.verify import is_kokoro
from pipelines.tts.piper_folder import PiperFolder, PiperVoice, read_piper_folder

Sex = Literal["female", "male"]
# It takes about half of a core while it speaks: one core alone would have none left for the candidate.
KOKORO_CORES = 2

SEXES: tuple[Sex, ...] = ("female", "male")


@dataclass(frozen=True, slots=True)
class NeuralVoice:
    """A speaker of a model that is here; an empty `speaker` is the only one of its model."""

    place: ModelPlace
    engine: Literal["vits", "kokoro", "coqui"]
    speaker: str
    sex: Sex
    accent: str
    age: int
    # Of the environment that a Coqui voice needs.
    python: Path = Path()

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.place.id}/{self.speaker}" if self.speaker else self.place.id


def installed_voices(settings: ModelSettings, own: PiperFolder | None = None) -> list[NeuralVoice]:
    """Return the voices that are here and whose speakers are known, by the catalogue or by the operator.

    `own` is what the operator's folder has, where that was read already. Raises EngineError for one that is not there.
    """
    own = own if own is not None else piper_folder(settings)
    known = {entry.id: entry for entry in catalogue_of(settings).models}
    here = [name for name, kind in installed_models(settings.path) if kind == "synthesiser"]
    # Of two that fit alike, the operator's own comes first.
    return [
        *(voice for one in own.voices for voice in _of_file(one)),
        *(voice for name in here if name in known for voice in _of_model(known[name], settings.path / name)),
    ]


def piper_folder(settings: ModelSettings) -> PiperFolder:
    """Return what is in the operator's folder of voices, nothing where none is set; raises EngineError."""
    if settings.piper_voices is None:
        return PiperFolder()
    known = {
        name: entry.voices
        for entry in catalogue_of(settings).models
        if entry.voices
        for name in (entry.id, *entry.aliases)
    }
    return read_piper_folder(settings.piper_voices, known)


def voices_for(voice: Voice, among: Sequence[NeuralVoice]) -> list[NeuralVoice]:
    """Return the voices that may speak for a patient, the nearest first: of the same sex, then by accent and age."""
    fitting = [one for one in among if one.sex == voice.sex]
    return sorted(fitting, key=lambda one: (_accent_distance(one.accent, voice.accent), abs(one.age - voice.age)))


def quick_enough(voices: Sequence[NeuralVoice], cores: int) -> list[NeuralVoice]:
    """Return the voices with which a machine of so many cores still holds several sessions at once."""
    return [voice for voice in voices if voice.engine != "kokoro" or cores >= KOKORO_CORES]


def _of_file(voice: PiperVoice) -> list[NeuralVoice]:
    place = ModelPlace(voice.file, "synthesiser", "")
    return [NeuralVoice(place, "vits", one.name, one.sex, one.accent, one.age) for one in voice.speakers]


def _of_model(entry: CatalogueEntry, folder: Path) -> list[NeuralVoice]:
    place = ModelPlace(folder, "synthesiser", entry.id)
    engine: Literal["vits", "kokoro"] = "kokoro" if is_kokoro(folder) else "vits"
    return [NeuralVoice(place, engine, one.name, one.sex, one.accent, one.age) for one in entry.voices]


def _accent_distance(one: str, other: str) -> int:
    """Return 0 for the same accent, 1 for another of the same country, 2 for another country's."""
    if one == other:
        return 0
    return 1 if one.split("-")[:2] == other.split("-")[:2] else 2
