"""Load models one after another, run each, let them go, and see whether the memory comes back.

    python -m tests.bench.model_memory FOLDER... [--rounds 2]

Prints one JSON object of resident bytes: `imported` (libraries imported), `start` (they have run a first model, and it
is gone), each model loaded and gone, `end`, and `grown`, the share by which the end is above the start. The code of
CTranslate2 comes into memory when it first computes, 10 to 15 MB that are no model's: they lie between the first two.
Runs in a process of its own, since what a process did before is in its figures.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any


def run_once(model: Any) -> None:
    """Hear a second of noise, as the warm-up does: buffers of the computation count too."""
    import numpy as np
    from ctranslate2 import StorageView

    features = np.random.default_rng(0).standard_normal((1, model.n_mels, 100), dtype=np.float32)
    encoded = model.encode(StorageView.from_array(features))
    assert list(encoded.shape)[:2] == [1, 50]


def measure(folders: list[Path], *, rounds: int) -> dict[str, Any]:
    """Return the figures; each model is leased, run and given back, and the next one makes it go."""
    import faster_whisper  # noqa: F401 - what the recogniser imports is no part of a model
    from ctranslate2.models import Whisper

    from pipelines.models.cache import ModelCache
    from pipelines.models.memory import files_bytes, give_back, resident_bytes

    cache = ModelCache(max_models=1, max_bytes=1 << 40)
    give_back()
    imported = resident_bytes()

    def use(folder: Path) -> dict[str, Any]:
        def load() -> Whisper:
            return Whisper(str(folder), device="cpu", compute_type="int8", intra_threads=2)

        lease = cache.lease(folder.name, load, estimate_bytes=files_bytes(folder))
        run_once(lease.model)
        loaded, counted = resident_bytes(), lease.memory_bytes
        lease.release()
        cache.clear()
        return {"model": folder.name, "loaded": loaded, "counted": counted, "after": resident_bytes()}

    use(folders[0])
    start = resident_bytes()
    steps = [use(folder) for _ in range(rounds) for folder in folders]
    end = resident_bytes()
    return {"imported": imported, "start": start, "steps": steps, "end": end, "grown": round(end / start - 1, 4)}


def main() -> None:
    """Measure the models of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folders", metavar="FOLDER", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    sys.stdout.write(json.dumps(measure(given.folders, rounds=given.rounds)) + "\n")


if __name__ == "__main__":
    main()
