"""The candidate's side of a stored recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from audio.recorder import RECORDING_NAME
from common.errors import StorageError
from common.seal import Seal
from common.sealed_files import open_file
from pipelines.assessment.assessor import Track


def candidate_track(folder: Path, seal: Seal | None) -> Track | None:
    """Return the candidate's side of the recording in a session's folder; None where it can't be heard (any more)."""
    try:
        with open_file(folder / RECORDING_NAME, seal) as file:
            samples, rate_hz = soundfile.read(file, dtype="int16", always_2d=True)
    except (OSError, StorageError, soundfile.LibsndfileError):
        return None
    return Track(np.ascontiguousarray(samples[:, 0], dtype=np.int16), rate_hz)
