"""Speaks with a VITS by torch, in the environment that has coqui-tts: `python coqui_reference.py MODEL CASES`.

Each `NAME.given.npz` of the folder CASES has `ids` int64 (n,), `letters`, `scales` (noise, length, noise of length),
`speaker` (-1 for none) and `noise_0`, `noise_1`, float32 (1, channels, length): what torch is handed each time it asks
for random numbers, in this order. `NAME.made.npz` gets the `wave`, the `durations` of the ids and the `ids` that the
package itself makes of the letters.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]


def main(folder: Path, cases: Path) -> None:
    """Speak every case; raises what coqui-tts raises."""
    sys.path.insert(0, str(_ROOT / "pipelines" / "models"))
    model: Any = importlib.import_module("export_coqui").load(folder)
    # The letters that it is given are phonemes already.
    model.tokenizer.phonemizer = model.tokenizer.text_cleaner = None
    numpy: Any = importlib.import_module("numpy")
    for given in sorted(cases.glob("*.given.npz")):
        made = cases / given.name.replace(".given.", ".made.")
        numpy.savez(made, **_spoken(model, dict(numpy.load(given))))


def _spoken(model: Any, case: dict[str, Any]) -> dict[str, Any]:
    torch: Any = importlib.import_module("torch")
    model.inference_noise_scale, model.length_scale, model.inference_noise_scale_dp = map(float, case["scales"])
    left = iter([torch.from_numpy(case[name]) for name in sorted(case) if name.startswith("noise_")])
    real = torch.randn, torch.randn_like
    torch.randn = lambda *shape: _piece(left, shape)
    torch.randn_like = lambda like: _piece(left, like.shape)
    try:
        with torch.inference_mode():
            spoken = model.inference(
                torch.from_numpy(case["ids"])[None],
                {
                    "x_lengths": torch.LongTensor([len(case["ids"])]),
                    "speaker_ids": torch.LongTensor([int(case["speaker"])]) if case["speaker"] >= 0 else None,
                    "d_vectors": None,
                    "language_ids": None,
                    "durations": None,
                },
            )
    finally:
        torch.randn, torch.randn_like = real
    if next(left, None) is not None:
        raise SystemExit("it asked for fewer random numbers than the graph does")
    return {
        "wave": spoken["model_outputs"].numpy().reshape(-1),
        "durations": spoken["durations"].numpy().reshape(-1),
        "ids": model.tokenizer.text_to_ids(str(case["letters"])),
    }


def _piece(left: Iterator[Any], shape: tuple[int, ...]) -> Any:
    _, channels, length = shape
    return next(left)[:, :channels, :length]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
