"""A role-play as one zip file, for people and programs."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from audio.recorder import RECORDING_NAME
from pipelines.log.jsonl import EVENTS, PAYLOADS
from server.records.folder import ERASED

FILES = (EVENTS, PAYLOADS, RECORDING_NAME, ERASED)


def write_zip(folder: Path, index: dict[str, Any], path: Path) -> None:
    """Write what is left of a role-play to `path`, which must not be there yet; raises OSError."""
    with path.open("xb") as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr("index.json", json.dumps(index, indent=2), zipfile.ZIP_DEFLATED)
        for name in FILES:
            if (folder / name).is_file():
                # FLAC is compressed already.
                how = zipfile.ZIP_STORED if name == RECORDING_NAME else zipfile.ZIP_DEFLATED
                archive.write(folder / name, name, how)
