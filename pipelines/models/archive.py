"""Take a model's files out of the archive they are published in."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from common.errors import EngineError
from pipelines.models.catalogue import ModelFile
from pipelines.models.model_store import writing

MOST_BYTES = 8 << 30
"""More than any model of this kind unpacks to: what announces more is an attack or a mistake."""


def unpack(archive: Path, folder: Path, files: Sequence[ModelFile]) -> None:
    """Put the wanted files of a zip archive into `folder`, without the folders they lie in.

    Names are compared with the wanted ones, never used as paths. Raises EngineError (`model.format`).
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            for file in files:
                matches = [
                    info for info in opened.infolist() if fnmatchcase(PurePosixPath(info.filename).name, file.path)
                ]
                if not matches and not file.optional:
                    raise EngineError(
                        f"the archive has no {file.path}: it is no model of this kind, correct the catalogue",
                        code="model.format",
                    )
                for info in matches:
                    if info.file_size > MOST_BYTES:
                        raise EngineError(f"{file.path} would be {info.file_size} bytes big", code="model.format")
                    target = folder / PurePosixPath(info.filename).name
                    with writing(target), opened.open(info) as inside, target.open("wb") as outside:
                        shutil.copyfileobj(inside, outside, 1 << 20)
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        archive.unlink(missing_ok=True)
        raise EngineError(
            "the archive came damaged and is deleted: pull the model again", code="model.checksum"
        ) from error
