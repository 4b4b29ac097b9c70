"""What every way of bringing a model shares: who watches, what came, whether there is room, whether it is right."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from common.errors import EngineError
from pipelines.models.catalogue import CatalogueEntry
from pipelines.models.model_store import ModelStore, Origin, WheelRecord, sha256_of, size_of

SPARE_BYTES = 256 << 20
"""What must be free beside a download, for everything else that writes to that disk meanwhile."""
_MIB = 1 << 20


class Watcher(Protocol):
    """Who is told how a pull goes; the command line draws bars."""

    def say(self, text: str) -> None:
        """Tell a person one line."""

    def begin(self, label: str, *, done_bytes: int, total_bytes: int | None) -> None:
        """Begin a file (or its check), of which so much is done already."""

    def advance(self, count: int) -> None:
        """So many bytes more; negative if some must come again."""

    def end(self) -> None:
        """The file is done."""


@dataclass(frozen=True, slots=True)
class Came:
    """What a way brought: a folder with the model's files, each checked, and where they came from.

    `checked` has the SHA-256 of files by their path; what it lacks is computed when it is written down.
    """

    staged: Path
    origin: Origin
    source: str
    revision: str
    checked: Mapping[str, str] = field(default_factory=dict)
    wheels: tuple[WheelRecord, ...] = ()


class Way(Protocol):
    """One way in which a model can come: from the hub, from packages, from a folder."""

    @property
    def place(self) -> str:
        """Where that is, for people."""

    @property
    def label(self) -> str:
        """What kind of place that is, in a word or three."""

    def bring(self, entry: CatalogueEntry, store: ModelStore, watch: Watcher) -> Came:
        """Bring all files of a model to a folder inside `store.partial`; raises EngineError with a code `model.*`."""


def require_room(entry: CatalogueEntry, store: ModelStore, needed_bytes: int, *, come: Path | None = None) -> None:
    """Raise EngineError (`model.disk_full`) unless so much fits on the disk of the models, less what lies in `come`."""
    needed = max(0, needed_bytes - (size_of(come) if come is not None else 0)) + SPARE_BYTES
    free = shutil.disk_usage(store.partial(entry.id)).free
    if needed > free:
        raise EngineError(
            f"{entry.id} needs {needed // _MIB} MiB on the disk of {store.root}, where {free // _MIB} MiB are "
            f"free: free some, or set MODEL_PATH to another disk",
            code="model.disk_full",
        )


def watched_sha256(path: Path, name: str, watch: Watcher) -> str:
    """Return a file's SHA-256, with a bar."""
    watch.begin(f"checking {name}", done_bytes=0, total_bytes=path.stat().st_size)
    try:
        return sha256_of(path, on_bytes=watch.advance)
    finally:
        watch.end()


def damaged(name: str, found: str, wrong: str, *, advice: str) -> EngineError:
    """Return what to raise for a file that is not what it should be and was deleted."""
    return EngineError(
        f"{name} came damaged (checksum {found[:12]}... instead of {wrong[:12]}...) and is deleted: {advice}",
        code="model.checksum",
    )
