"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=VALUE", help="Set one setting, over all files and variables; may be repeated."),
]
ConfigFolder = Annotated[
    Path | None,
    typer.Option("--config", metavar="FOLDER", help="Folder with base.yaml and the environments' files."),
]
Embedded = Annotated[
    bool,
    typer.Option(
        "--embedded",
        help="Take the engines that need no download: PocketSphinx listens, which mishears accents badly.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
