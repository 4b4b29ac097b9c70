"""A role-play as one zip file, for people and programs."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

from audio.recorder import RECORDING_NAME
from pipelines.log.jsonl import EVENTS, PAYLOADS
from server.records.folder import ERASED, RecordFolder
from server.store.sessions import IndexedSession

FILES = (EVENTS, PAYLOADS, RECORDING_NAME, ERASED)
LEFT = (EVENTS, ERASED)
"""What stays of an erased one: its envelopes, and when it was erased."""


def write_zip(folder: Path, known: IndexedSession, path: Path) -> None:
    """Write what is left of a role-play to `path`, which must not be there yet; raises OSError.

    Of one that was erased, or whose erasure was cut off, nothing of what was said goes into it.
    """
    erased = known.erased or RecordFolder(folder).erased
    shown = replace(known, state="erased").as_shown() if erased else known.as_json()
    with path.open("xb") as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr("index.json", json.dumps(shown, indent=2), zipfile.ZIP_DEFLATED)
        for name in LEFT if erased else FILES:
            if (folder / name).is_file():
                # FLAC is compressed already.
                how = zipfile.ZIP_STORED if name == RECORDING_NAME else zipfile.ZIP_DEFLATED
                archive.write(folder / name, name, how)
