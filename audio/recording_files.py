"""Recordings by file or by folder, as commands are given them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from audio.text import well_formed
from common.errors import AudioError

# Folders are searched for these; a file that is named may be anything that can be read.
SUFFIXES = (".wav", ".flac", ".ogg")


def find_recordings(paths: Iterable[Path]) -> list[Path]:
    """Return the files of `paths` in order, with each folder's recordings (WAV, FLAC, OGG) in its place.

    Folders are searched with the folders in them, sorted by path; what is hidden is left out, links to folders are not
    followed. Raises AudioError for what is not there, for a folder that can't be read, and for one without recordings.
    """
    found: list[Path] = []
    for path in paths:
        try:
            path.stat()
        except OSError as error:
            raise AudioError(f"'{path}' can't be used: {error.strerror}", code="audio.unreadable") from error
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(_inside(path))
        if not inside:
            raise AudioError(f"'{path}' holds no recordings, nor do the folders in it; {_KINDS}", code="audio.empty")
        found += inside
    return found


_KINDS = f"they end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"


def _inside(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise AudioError(f"'{error.filename}' can't be searched: {error.strerror}", code="audio.unreadable") from error

    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            # Hidden ones are other systems' notes on a file (`._speech.wav`), and files that are being written.
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                yield Path(parent, name)


def names_of(paths: Sequence[Path]) -> list[str]:
    """Return a name for each recording: the file's, with as many folders before it as tell it from the others."""
    files = [path.absolute().parts for path in paths]
    depth = dict.fromkeys(files, 1)
    while True:
        names = {file: "/".join(file[-length:]) for file, length in depth.items()}
        often = Counter(names.values())
        doubtful = [file for file in depth if often[names[file]] > 1]
        if not doubtful:
            return [well_formed(names[file]) for file in files]
        for file in doubtful:
            depth[file] += 1
