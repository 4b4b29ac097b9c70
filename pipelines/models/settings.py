"""Settings of models: where they lie, how many may be loaded, and how much of the machine they may take."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from pipelines.models.memory import parse_amount

_OTHER_NAMES = {"large": "large-v3", "large-v3-turbo": "turbo"}  # as faster-whisper understands them


class ModelSettings(BaseModel):
    """Where models lie, how they are fetched, and what they may take of the machine; frozen and hashable."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path = Field(
        default=Path(".data/models"), description="Folder of the models, one folder each, named by its id."
    )
    hub_url: str | None = Field(
        default=None,
        pattern=r"^https?://\S+$",
        description="Address of the hub that models are pulled from, or of a mirror; unset: HF_ENDPOINT, or else the "
        "public hub.",
    )
    cache_size: int = Field(
        default=3, ge=1, le=64, description="Models that are kept loaded; the one unused for longest makes room."
    )
    max_memory: str = Field(
        default="80%",
        description="Memory that this server and its workers may have come to when a model is loaded: `8GB`, `512MiB`, "
        "or a share of the machine's (or the container's) such as `80%`. A model beyond it is refused.",
    )
    gpu_memory_fraction: float = Field(
        default=0.9, gt=0, le=1, description="Share of a graphics card's memory that models may take."
    )
    cpu_threads: int = Field(
        default=0, ge=0, le=256, description="Threads that a model computes with; 0: one per physical core, at most 4."
    )
    batch_size: int = Field(
        default=8, ge=1, le=128, description="Utterances of different sessions that are decoded together at most."
    )

    @field_validator("path")
    @classmethod
    def _expand_home(cls, path: Path) -> Path:
        return path.expanduser()

    @field_validator("max_memory")
    @classmethod
    def _check_amount(cls, text: str) -> str:
        parse_amount(text, of_bytes=1 << 40)
        return text

    def folder_of(self, model: str) -> Path:
        """Return the folder of a model: one that is named by its path, or the one of its id below `path`."""
        place = Path(model).expanduser()
        named_by_path = place.is_absolute() or model.startswith((".", "~"))
        if named_by_path or (len(place.parts) > 1 and place.is_dir()):
            return place
        as_named = self.path / model
        return as_named if as_named.is_dir() else self.path / model_id(model)


def model_id(name: str) -> str:
    """Return the id of a Whisper that people call by another name, or by its repository on the hub."""
    found = re.fullmatch(r"[^/]+/faster-(distil-)?whisper-([^/]+)", name)
    short = f"{found[1] or ''}{found[2]}" if found else name
    return _OTHER_NAMES.get(short.lower(), short.replace("/", "--").lower())


def is_installed(folder: Path) -> bool:
    """Return whether a model lies there; whether it is whole is found out when it is verified or loaded."""
    return (folder / "model.bin").is_file() and (folder / "config.json").is_file()


def installed_models(path: Path) -> list[str]:
    """Return the ids of the models below a folder, in order; none when the folder is not there."""
    try:
        return sorted(place.name for place in path.iterdir() if not place.name.startswith(".") and is_installed(place))
    except OSError:
        return []
