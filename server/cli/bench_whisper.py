"""What `bench stt --whisper` and `models bench` have in common."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def bench_whisper(
    model: str | None,
    *,
    shape: str | None = None,
    threads: int = 0,
    json_file: Path | None = None,
    overrides: Sequence[str] | None = None,
    config: Path | None = None,
) -> None:
    """Measure a model (id or folder), or one of random weights and this shape; print figures, write them as JSON."""
    from audio.errors import EngineError
    from pipelines.models.shapes import make_whisper
    from pipelines.models.verify import require_sound
    from server.cli.models_place import Place

    with tempfile.TemporaryDirectory(prefix="shape-") as place:
        if shape is not None:
            folder, title = make_whisper(shape, Path(place) / shape), f"Whisper {shape}, random weights"
        else:
            folder, kind, _ = Place.of(list(overrides or ()), config).resolve(model or "")
            if kind != "recogniser":
                raise EngineError(f"{folder} is a {kind}: this is for recognisers", code="model.architecture")
            require_sound(folder, kind)
            title = f"Whisper {folder.name}"
        _measure(folder, title, threads, json_file)


def _measure(folder: Path, title: str, threads: int, json_file: Path | None) -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from server.bench.stt_whisper import bench_model, steps
    from server.figures import print_figures, write_figures

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("measuring", total=steps())
        figures = bench_model(folder, threads=threads, progress=lambda: bar.advance(task))
    print_figures(title, figures)
    if json_file is not None:
        write_figures(json_file, figures)
