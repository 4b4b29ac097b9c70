"""What makes a sentence a vector."""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from audio.files import replace_file
from common.errors import StorageError
from pipelines.intent.encoder import Vectors
from pipelines.intent.ridge import Matrix


def anew(name: str, make: Callable[[], Matrix]) -> Matrix:
    """Make a matrix, whatever its name: where nothing is kept."""
    del name
    return make()


class Vectoriser(Protocol):
    """Makes vectors of unit length that are near each other for sentences of like meaning."""

    @property
    def calibrated_as(self) -> str:
        """Which of the shipped calibrations was learned for it; once it is loaded."""

    def load(self) -> None:
        """Load what is needed."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return float32 (texts, width)."""


# What is made of the vectors has this before its name in the file.
COMPUTED = "computed "
Computed = Callable[[str, Callable[[], Matrix]], Matrix]
"""Makes a matrix, or has it from the last time: `Remembering.computed`."""
# What a file that is missing, foreign or half written raises.
_DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


class Remembering:
    """Makes each vector once, while something is learned, and keeps them in a file; never for what people say.

    The file is only there to be quick: without rights to write it, or if it is damaged, all vectors are made again.
    It is named after all that the vectors are made from, and has a folder of its own, where it takes the place of an
    older one. Without a file nothing is kept.
    """

    def __init__(self, made_by: Vectoriser, file: Path | None) -> None:
        self._made_by = made_by
        self._file = file
        self._known = kept_vectors(file) if file is not None else {}
        self._computed: dict[str, Matrix] = {}
        self._new = False

    @property
    def calibrated_as(self) -> str:
        """Which of the shipped calibrations was learned for what makes them."""
        return self._made_by.calibrated_as

    def load(self) -> None:
        """Load what makes them."""
        self._made_by.load()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return float32 (texts, width)."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._new = True
            self._known |= dict(zip(new, self._made_by.encode(new), strict=True))
        return np.array([self._known[text] for text in texts], dtype=np.float32)

    def computed(self, name: str, make: Callable[[], Matrix]) -> Matrix:
        """Return what `make` makes of the vectors, kept beside them; `name` names all else that it is made from."""
        made = _kept_matrix(self._file, name) if self._file is not None else None
        self._new = self._new or made is None
        self._computed[name] = make() if made is None else made
        return self._computed[name]

    def keep(self) -> None:
        """Write the vectors for the next start, if there are new ones and the place can be written to."""
        if self._file is None or not self._new:
            return
        data = io.BytesIO()
        made = {f"{COMPUTED}{name}": matrix for name, matrix in self._computed.items()}
        np.savez(data, texts=np.array(list(self._known)), vectors=np.array(list(self._known.values())), **made)  # type: ignore[arg-type]
        with contextlib.suppress(OSError, StorageError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._file, data.getvalue())
            for older in self._file.parent.glob("*.npz"):
                if older != self._file:
                    older.unlink()


def _kept_matrix(file: Path, name: str) -> Matrix | None:
    with contextlib.suppress(*_DAMAGED), np.load(file, allow_pickle=False) as kept:
        return np.asarray(kept[f"{COMPUTED}{name}"], dtype=np.float64)
    return None


def kept_vectors(file: Path) -> dict[str, Vectors]:
    """Return the vectors of a file by text; none if it is missing, foreign or damaged."""
    with contextlib.suppress(*_DAMAGED), np.load(file, allow_pickle=False) as kept:
        return dict(zip(kept["texts"].tolist(), kept["vectors"].astype(np.float32), strict=True))
    return {}
