"""The candidate's side of a stored recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from common.errors import StorageError
from common.seal import Seal
from pipelines.assessment.assessor import Track
from server.records.recordings import Recordings


def candidate_track(recordings: Recordings, folder: Path, seal: Seal | None) -> Track | None:
    """Return the candidate's side of a session's recording; None where it can't be heard (any more)."""
    try:
        with recordings.open(folder, seal) as file:
            samples, rate_hz = soundfile.read(file, dtype="int16", always_2d=True)
    except (OSError, StorageError, soundfile.LibsndfileError):
        return None
    return Track(np.ascontiguousarray(samples[:, 0], dtype=np.int16), rate_hz)
