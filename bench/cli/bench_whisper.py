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
    from pipelines.models.shapes import make_whisper

    with tempfile.TemporaryDirectory(prefix="shape-") as place:
        if shape is not None:
            folder, title = make_whisper(shape, Path(place) / shape), f"Whisper {shape}, random weights"
        else:
            folder = _recogniser(model or "", overrides, config)
            title = f"Whisper {folder.name}"
        _measure(folder, title, threads, json_file)


def read_whisper(model: str, *, real: Path | None, threads: int = 0, json_file: Path | None = None) -> None:
    """Have a model (id or folder) read bundled sentences, the fixtures and real speech; print and write figures."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from bench.report_figures import print_figures, write_figures
    from bench.report_files import check_target
    from bench.stt import ClipSet, fixture_clips, real_clips
    from bench.stt_reading import bench_reading
    from pipelines.patient.card_library import CardLibrary
    from pipelines.stt.qualify import bundled
    from server.paths import ROOT
    from server.settings.tree import load_settings

    if json_file is not None:
        check_target(json_file)
    folder = _recogniser(model, None, None)
    settings = load_settings()
    fixtures = fixture_clips(ROOT / "tests" / "data", CardLibrary.load(settings.cards_folder), vocabulary=True)
    sets = [
        *(real_clips(real) if real is not None else ()),
        ClipSet("bundled", tuple((samples, text) for text, samples in bundled())),
        *(ClipSet("fixtures", each.clips, each.vocabulary) for each in fixtures),
    ]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("reading", total=sum(len(each.clips) for each in sets))
        figures = bench_reading(
            folder, sets, settings=settings.engines.whisper, threads=threads, progress=lambda: bar.advance(task)
        )
    print_figures(f"Whisper {folder.name}, {settings.engines.whisper.rule}", figures)
    if json_file is not None:
        write_figures(json_file, figures)


def _recogniser(model: str, overrides: Sequence[str] | None, config: Path | None) -> Path:
    from common.errors import EngineError
    from pipelines.models.verify import require_sound
    from server.cli.models_place import ModelsHere

    folder, kind, _ = ModelsHere.of(list(overrides or ()), config).resolve(model)
    if kind != "recogniser":
        raise EngineError(f"{folder} is a {kind}: this is for recognisers", code="model.architecture")
    require_sound(folder, kind)
    return folder


def _measure(folder: Path, title: str, threads: int, json_file: Path | None) -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from bench.report_figures import print_figures, write_figures
    from bench.stt_whisper import bench_model, steps

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("measuring", total=steps())
        figures = bench_model(folder, threads=threads, progress=lambda: bar.advance(task))
    print_figures(title, figures)
    if json_file is not None:
        write_figures(json_file, figures)
