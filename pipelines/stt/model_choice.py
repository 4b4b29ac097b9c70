"""Which Whisper `auto` stands for: the best that is here and that this machine can serve in time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from common.errors import EngineError
from pipelines.models.devices import choose_device, usable_cores
from pipelines.models.model_memory import available_to_process, files_bytes, parse_amount
from pipelines.models.settings import ModelSettings
from pipelines.models.verify import verify_folder
from pipelines.stt.qualification import read_qualification
from pipelines.stt.whisper_settings import WhisperSettings

AUTO = "auto"
FIRST = "tiny.en"
"""The smallest model: quick enough for one core, and what a fresh machine is given."""

READ_MS = 400.0
"""What a final text may take. The reply is made in the pause after the turn, which lasts half a second at least."""

# Estimated from tiny.en on two cores: 75 MB of weights, 60 ms for a sentence at its own length, five times that padded.
_MS_PER_BYTE, _CORES, _PADDED = 60.0 / 75e6, 2, 5.0
_MOST_CORES = 4  # more make no single text quicker
_ALIKE_BYTES = 25_000_000  # models whose weights differ by less are of one size


@dataclass(frozen=True, slots=True)
class ModelOption:
    """A model that is here: how large, and how long a sentence takes it, as measured on this machine or estimated."""

    id: str
    folder: Path
    size_bytes: int
    read_ms: float
    measured: bool

    @property
    def in_time(self) -> bool:
        """Whether a final text is there before the reply is wanted."""
        return self.read_ms <= READ_MS


@dataclass(frozen=True, slots=True)
class Chosen:
    """The model that `auto` stands for, and why."""

    candidate: ModelOption
    reason: str


def choose_model(models: ModelSettings, whisper: WhisperSettings, *, among: Iterable[str]) -> Chosen | None:
    """Return the largest of the recognisers here that is whole, hears the language, fits the memory and reads in time.

    `among` has their ids. Where none reads in time it is the quickest; None where there is none at all.
    """
    allowed_bytes = parse_amount(models.max_memory, of_bytes=available_to_process())
    found = [candidate for candidate in _candidates(models, whisper, among) if candidate.size_bytes <= allowed_bytes]
    if not found:
        return None
    in_time = [candidate for candidate in found if candidate.in_time]
    if not in_time:
        best = min(found, key=lambda candidate: candidate.read_ms)
        why = f"the quickest here, though it takes {_took(best)}, and {READ_MS:.0f} ms would be in time"
        return Chosen(best, why)
    # Of two as large the one for English alone reads English better; its name says so.
    best = max(in_time, key=lambda one: (one.size_bytes // _ALIKE_BYTES, one.id.endswith(".en")))
    late = [f"{one.id} takes {_took(one)}" for one in found if one.size_bytes > best.size_bytes and not one.in_time]
    why = f"the best here that this machine serves in time ({_took(best)})"
    return Chosen(best, f"{why}; {', '.join(late)}" if late else why)


def _candidates(models: ModelSettings, whisper: WhisperSettings, names: Iterable[str]) -> list[ModelOption]:
    """Return those that are whole and hear the language."""
    found = []
    on_a_card = _on_a_card(whisper)
    for name in names:
        folder = models.path / name
        if (name.endswith(".en") and whisper.language != "en") or verify_folder(folder, "recogniser"):
            continue
        read_ms, measured = (0.0, False) if on_a_card else _read_ms(folder, whisper)
        found.append(ModelOption(name, folder, files_bytes(folder), read_ms, measured))
    return found


def _read_ms(folder: Path, whisper: WhisperSettings) -> tuple[float, bool]:
    known = read_qualification(folder)
    if known is not None and known.rule == whisper.rule:
        way = known.true_length if known.passed and whisper.true_length != "never" else known.padded
        return 1000.0 * way.seconds / (known.sentences + known.silences), True
    cores = min(usable_cores(), _MOST_CORES)
    padded = 1.0 if whisper.true_length == "always" else _PADDED
    return files_bytes(folder) * _MS_PER_BYTE * padded * _CORES / cores, False


def _on_a_card(whisper: WhisperSettings) -> bool:
    try:
        return choose_device(whisper.device, whisper.compute).name == "cuda"
    except EngineError:  # loading the model says what is wrong
        return False


def _took(candidate: ModelOption) -> str:
    if not candidate.read_ms:
        return "a graphics card computes"
    return f"{candidate.read_ms:.0f} ms a sentence, {'measured' if candidate.measured else 'estimated'}"
