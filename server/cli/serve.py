"""`interlocutor serve`: the server."""

from __future__ import annotations

from typing import Annotated

import typer

from server.cli.options import ConfigFolder, Embedded, Overrides


def register(app: typer.Typer) -> None:
    """Add `serve`."""
    app.command("serve")(serve)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    embedded: Embedded = False,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Serve the page, the API and the realtime protocol until Ctrl-C or SIGTERM."""
    from server.running import run_server
    from server.settings.tree import load_with_origins

    asked = ["engines.backend=embedded", "engines.recogniser=auto"] if embedded else []
    asked += overrides or ()
    asked += [f"server.host={host}"] if host is not None else []
    asked += [f"server.port={port}"] if port is not None else []
    if embedded:
        typer.echo("PocketSphinx listens: it mishears accents badly, so this is for demonstration", err=True)
    loaded = load_with_origins(config_folder=config, overrides=asked)
    run_server(loaded.settings, loaded.notes)
