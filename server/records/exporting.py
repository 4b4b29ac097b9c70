"""A role-play as one zip file, for people and programs."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

from audio.recorder import RECORDING_NAME
from common.seal import Seal
from common.sealed_files import open_file
from pipelines.log.jsonl import EVENTS, PAYLOADS, plain_payloads
from server.records.folder import ERASED, RecordFolder
from server.store.sessions import IndexedSession

FILES = (EVENTS, PAYLOADS, RECORDING_NAME, ERASED)
LEFT = (EVENTS, ERASED)
"""What stays of an erased one: its envelopes, and when it was erased."""


def write_zip(folder: Path, known: IndexedSession, path: Path, seal: Seal | None) -> None:
    """Write what is left of a role-play, unsealed, to `path`, which must not be there yet.

    Of one that was erased, or whose erasure was cut off, nothing of what was said goes into it. Raises OSError, and
    StorageError when it does not open.
    """
    erased = known.erased or RecordFolder(folder).erased
    shown = replace(known, state="erased").as_shown() if erased else known.as_json()
    with path.open("xb") as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr("index.json", json.dumps(shown, indent=2), zipfile.ZIP_DEFLATED)
        for name in LEFT if erased else FILES:
            if (folder / name).is_file():
                # FLAC is compressed already.
                how = zipfile.ZIP_STORED if name == RECORDING_NAME else zipfile.ZIP_DEFLATED
                with archive.open(_entry(folder / name, how), "w") as out:
                    if name == PAYLOADS:
                        out.writelines(plain_payloads(folder, seal))
                    else:
                        with open_file(folder / name, seal) as said:
                            shutil.copyfileobj(said, out)


def _entry(path: Path, how: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo.from_file(path, path.name)
    entry.compress_type = how
    return entry
