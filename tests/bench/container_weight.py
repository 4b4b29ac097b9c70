"""What weighs in an image: its Python packages one by one, and Debian's as a whole; see `tests/bench/container.py`."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from tests.bench.container_build import size_mb

SITE = Path("opt/interlocutor/lib")
SHOWN = 12


def heaviest(root: Path, base: Path) -> dict[str, float]:
    """Return the megabytes of the parts that weigh most, the heaviest first; `base` is what every image begins with."""
    found: defaultdict[str, float] = defaultdict(float)
    for packages in (root / SITE).glob("python*/site-packages"):
        for entry in packages.iterdir():
            # Beside a package lie its libraries (`av.libs`) and what is known of it (`av-17.0.1.dist-info`).
            name = entry.name.partition("-")[0].removesuffix(".libs") if entry.is_dir() else "single files"
            found[name] += _mb(entry)
    shown = dict(sorted(found.items(), key=lambda part: -part[1])[:SHOWN])
    others = sum(found.values()) - sum(shown.values())
    debian = sum(size_mb(root / folder) - size_mb(base / folder) for folder in ("usr", "var", "etc"))
    return {"the base image": size_mb(base), **shown, "other packages": others, "Debian's packages": debian}


def _mb(path: Path) -> float:
    return size_mb(path) if path.is_dir() else path.lstat().st_size / 1e6
