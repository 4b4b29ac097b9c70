"""Settings of models: where they lie, how many may be loaded, and how much of the machine they may take."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from pipelines.models.model_memory import parse_amount

_SUPPLIED_CATALOGUE = Path(__file__).resolve().parents[2] / "configs" / "models.yaml"


class ModelSettings(BaseModel):
    """Where models lie, how they are fetched, and what they may take of the machine; frozen and hashable."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path = Field(
        default=Path(".data/models"), description="Folder of the models, one folder each, named by its id."
    )
    catalogue: Path | None = Field(
        default=None,
        description="File with the catalogue of models; unset: models.yaml of the configuration folder.",
    )
    piper_voices: Path | None = Field(
        default=None,
        description="Folder of Piper voices of your own (`NAME.onnx` with `NAME.onnx.json`, and `voices.yaml` that "
        "says whose voice each is); unset: none.",
    )
    hub_url: str | None = Field(
        default=None,
        pattern=r"^https?://\S+$",
        description="Address of the hub, or of a mirror, to download models from; unset: HF_ENDPOINT, or else the "
        "public hub.",
    )
    cache_size: int = Field(
        default=3, ge=1, le=64, description="Most models to keep loaded; the one unused for longest makes room."
    )
    max_memory: str = Field(
        default="80%",
        description="Most memory that this server and its workers may use once a model is loaded: `8GB`, `512MiB`, or "
        "a share of the machine's (or the container's) memory such as `80%`. The server refuses a model that would "
        "need more.",
    )
    gpu_memory_fraction: float = Field(
        default=0.9, gt=0, le=1, description="Share of a graphics card's memory that models may use."
    )
    cpu_threads: int = Field(
        default=0,
        ge=0,
        le=256,
        description="Pieces of audio that a model reads at the same time on the processor; 0: one per core, at most 4.",
    )
    batch_size: int = Field(
        default=8, ge=1, le=128, description="Most utterances of different sessions to decode together."
    )

    @field_validator("path", "catalogue", "piper_voices")
    @classmethod
    def _expand_home(cls, path: Path | None) -> Path | None:
        return path.expanduser() if path is not None else None

    @field_validator("max_memory")
    @classmethod
    def _check_amount(cls, text: str) -> str:
        parse_amount(text, of_bytes=1 << 40)
        return text

    @property
    def catalogue_file(self) -> Path:
        """The catalogue in use: the one that is named, or the supplied one."""
        return self.catalogue or _SUPPLIED_CATALOGUE
