"""`interlocutor models bench`: a recogniser, measured on this machine."""

from __future__ import annotations

import typer

from server.cli.models import IdOrFolder, group
from server.cli.options import ConfigFolder, Overrides


def register(_app: typer.Typer) -> None:
    """Add `models bench` to the server's group."""
    group.command("bench")(bench)


def bench(model: IdOrFolder, overrides: Overrides = None, config: ConfigFolder = None) -> None:
    """Measure a recogniser on this machine: final texts, captions, batches; faster-whisper's own way beside ours."""
    from bench.cli.bench_whisper import bench_whisper

    bench_whisper(model, overrides=overrides, config=config)
