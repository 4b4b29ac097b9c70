"""The catalogue of models: `configs/models.yaml`, read and checked.

It is the only place that names the hosts models come from. What a file's size and sha256 are is said only where it is
known beforehand; for the rest the hub's own word is taken, and what came is recorded beside the model. Packages may be
made by anyone, so a model may come from them only if every file of it is known beforehand.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError, field_validator, model_validator

from common.errors import EngineError
from pipelines.models.sources import CataloguePart, HubSource, PackageSource, Sha256, Source, Url, is_inside

Kind = Literal["recogniser", "encoder", "responder", "synthesiser", "turn_detector"]
Export = Literal["ctranslate2", "onnx"]
Form = Literal["gguf"]
"""What a pull makes into the form that is loaded, by itself and at once."""

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$")]

WHISPER_FILES = ("config.json", "model.bin", "tokenizer.json", "vocabulary.*")


class ModelFile(CataloguePart):
    """One file of a model; `path` may be a pattern such as `vocabulary.*`."""

    path: str = Field(min_length=1)
    size_bytes: int | None = Field(default=None, gt=0)
    sha256: Sha256 | None = None
    optional: bool = False

    @field_validator("path")
    @classmethod
    def _inside(cls, path: str) -> str:
        if not is_inside(path):
            raise ValueError("must lie inside the model's folder")
        return path


class SpeakerEntry(CataloguePart):
    """One speaker of a voice; the only one of a model has no name. `age` is how old it sounds, roughly."""

    name: str = ""
    sex: Literal["female", "male"]
    accent: str = "en-us"
    age: int = Field(default=40, ge=1, le=120)


class CatalogueEntry(CataloguePart):
    """One model of the catalogue."""

    id: Id
    kind: Kind
    summary: str = Field(min_length=1)
    sources: tuple[Source, ...] = Field(min_length=1, description="Where it comes from, in the order of trying.")
    files: tuple[ModelFile, ...] = Field(min_length=1)
    licence: str = Field(min_length=1)
    gated: bool = False
    download_mib: int = Field(gt=0, description="MiB to download, roughly.")
    memory_mib: int = Field(gt=0, description="MiB of memory while loaded on a CPU, roughly.")
    languages: tuple[str, ...] = Field(min_length=1)
    speakers: int = Field(default=0, ge=0)
    voices: tuple[SpeakerEntry, ...] = Field(default=(), description="Speakers that may speak for a patient.")
    export: Export | None = Field(default=None, description="Into what it must be converted before use.")
    convert: Form | None = Field(default=None, description="What comes, and is converted while it is pulled.")
    aliases: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _packages_bring_known_files(self) -> CatalogueEntry:
        for source in self.sources:
            if not isinstance(source, PackageSource):
                continue
            unknown = [file.path for file in self.files if file.sha256 is None or file.size_bytes is None]
            if unknown:
                raise ValueError(f"a model with packages needs size_bytes and sha256 of {', '.join(unknown)}")
            strange = sorted(source.made - {file.path for file in self.files})
            if strange:
                raise ValueError(f"packages bring {', '.join(strange)}, which is none of the model's files")
            lacking = [file.path for file in self.files if not file.optional and file.path not in source.made]
            if lacking:
                raise ValueError(f"no member of the packages makes {', '.join(lacking)}")
        return self

    @property
    def repositories(self) -> tuple[str, ...]:
        """The repositories of the hub that have this model."""
        return tuple(source.repository for source in self.sources if isinstance(source, HubSource))


class Catalogue(CataloguePart):
    """All models, and the hub they come from."""

    hub: Url
    models: tuple[CatalogueEntry, ...]

    @model_validator(mode="after")
    def _names_once(self) -> Catalogue:
        seen: set[str] = set()
        for entry in self.models:
            for name in (entry.id, *entry.aliases):
                if name in seen:
                    raise ValueError(f"two models are called {name}")
                seen.add(name)
        return self

    @classmethod
    def load(cls, path: Path) -> Catalogue:
        """Read a catalogue; raises EngineError (`model.catalogue`) with one line for each fault."""
        import yaml

        try:
            data = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise EngineError(f"{path} can't be read ({error.strerror})", code="model.catalogue") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            place = getattr(error, "problem_mark", None)
            line = f", line {place.line + 1}" if place is not None else ""
            raise EngineError(f"{path}{line}: this is not YAML", code="model.catalogue") from error
        if isinstance(data, dict) and isinstance(data.get("models"), dict):
            data = data | {"models": [_named(key, fields) for key, fields in data["models"].items()]}
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            names = [str(model.get("id")) for model in _listed(data)]
            lines = [f"{path}: {_where(fault['loc'], names)}{fault['msg']}" for fault in error.errors()]
            raise EngineError("\n".join(lines), code="model.catalogue") from error

    def find(self, name: str) -> CatalogueEntry:
        """Return the model of this id, alias or repository; raises EngineError (`model.unknown`) with ids near it.

        A repository of the hub that is not listed is taken for a Whisper in CTranslate2's format.
        """
        for entry in self.models:
            if name in (entry.id, *entry.aliases, *entry.repositories):
                return entry
        if re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", name):
            return unlisted(name)
        names = [name for entry in self.models for name in (entry.id, *entry.aliases)]
        near = list(dict.fromkeys(difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.5)))
        hint = f"did you mean {' or '.join(near)}?" if near else "`interlocutor models list` shows them all"
        raise EngineError(f"there is no model called {name}: {hint}", code="model.unknown")


def unlisted(repository: str) -> CatalogueEntry:
    """Return an entry for a repository that the catalogue does not have: a converted Whisper, with nothing known."""
    return CatalogueEntry(
        id=repository.replace("/", "--").lower(),
        kind="recogniser",
        summary="not in the catalogue",
        sources=(HubSource(repository=repository),),
        files=(
            *(ModelFile(path=path) for path in WHISPER_FILES),
            ModelFile(path="preprocessor_config.json", optional=True),
        ),
        licence="see its page",
        download_mib=1,
        memory_mib=1,
        languages=("unknown",),
    )


def local(name: str, kind: Kind, size_mib: int, *, repository: str | None = None) -> CatalogueEntry:
    """Return an entry for a folder that is not in the catalogue; its name is taken as it is.

    `repository` is the one of the hub that it came from, if any: without one it has no source.
    """
    return CatalogueEntry.model_construct(
        id=name,
        kind=kind,
        summary="not in the catalogue",
        sources=(HubSource(repository=repository),) if repository else (),
        files=unlisted(repository).files if repository else (),
        licence="not known",
        gated=False,
        download_mib=size_mib,
        memory_mib=size_mib,
        languages=("?",),
        speakers=0,
        voices=(),
        export=None,
        convert=None,
        aliases=(),
    )


def _named(key: object, fields: object) -> object:
    return {"id": str(key), **fields} if isinstance(fields, dict) else fields


def _listed(data: object) -> list[dict[str, object]]:
    models = data.get("models") if isinstance(data, dict) else None
    return [model if isinstance(model, dict) else {} for model in models] if isinstance(models, list) else []


def _where(path: tuple[int | str, ...], names: list[str]) -> str:
    parts = [str(part) for part in path]
    if len(path) > 1 and path[0] == "models" and isinstance(path[1], int) and path[1] < len(names):
        parts[1] = names[path[1]]
    return ".".join(parts) + ": " if parts else ""
