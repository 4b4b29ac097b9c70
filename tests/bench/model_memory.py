"""Load models one after another, run each, let them go, and see whether the memory comes back.

    python -m tests.bench.model_memory --shapes tiny.en base.en small.en --rounds 3 --within 0.05
    python -m tests.bench.model_memory FOLDER...

Prints one JSON object of resident bytes: `imported` (libraries imported), `start` (they have run a first model, and it
is gone), each model loaded and gone, `end`, and `grown`, the share by which the end is above the start. The code of
CTranslate2 comes into memory when it first computes, 10 to 15 MB that are no model's: they lie between the first two.
Runs in a process of its own, since what a process did before is in its figures.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
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
    # This import comes before the measurement, because the packages that the recogniser imports are no part of a model.
    import faster_whisper  # noqa: F401
    from ctranslate2.models import Whisper

    from pipelines.models.cache import ModelCache
    from pipelines.models.model_memory import files_bytes, give_back, resident_bytes

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


def make_shapes(sizes: Sequence[str], folder: Path) -> list[Path]:
    """Make shape-true Whispers, in a process of their own: what making them takes is not to be measured."""
    for size in sizes:
        command = [sys.executable, "-m", "pipelines.models.shapes", size, str(folder / size)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return [folder / size for size in sizes]


def main() -> int:
    """Measure the models of the command line; return 1 if the memory did not come back."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folders", metavar="FOLDER", type=Path, nargs="*", help="models to load")
    parser.add_argument("--shapes", metavar="SIZE", nargs="*", default=[], help="sizes of Whisper to make and load")
    parser.add_argument("--rounds", type=int, default=1, help="how often each is loaded (default: 1)")
    parser.add_argument("--within", type=float, help="exit 1 if the end is above the start by more than this share")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        figures = measure([*given.folders, *make_shapes(given.shapes, Path(made))], rounds=given.rounds)
    sys.stdout.write(json.dumps(figures) + "\n")
    return int(given.within is not None and figures["grown"] > given.within)


if __name__ == "__main__":
    sys.exit(main())
