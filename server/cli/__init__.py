"""The server's command line, to which the rooms above add theirs to make `interlocutor`.

Each module here has `register(app)`, which adds its commands; a new one is added to `_MODULES`. Nothing heavy is
imported before a command runs: modules import engines, models and settings inside their functions, so that `--help`
answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from common.errors import AppError, SettingsError
from server.cli import (
    assess,
    audit,
    backup,
    cards,
    config,
    db,
    doctor,
    exams,
    index,
    instances,
    judge,
    keys,
    models,
    models_setup,
    serve,
    sessions,
    users,
    vault,
)

_MODULES = (
    serve,
    users,
    keys,
    sessions,
    exams,
    assess,
    judge,
    audit,
    vault,
    backup,
    cards,
    index,
    config,
    db,
    instances,
    doctor,
    models,
    models_setup,
)

EXIT_FAILED = 1
EXIT_USAGE = 2

app = typer.Typer(
    name="interlocutor",
    help="Spoken OET role-plays with a simulated patient, on a server of your own.",
    epilog="Start with `interlocutor doctor`; settings are explained in docs/settings.md.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"interlocutor {version('interlocutor')}")
        raise typer.Exit


_Version = Annotated[
    bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version)
]


@app.callback()
def _options(version: _Version = False) -> None:
    """Take the options that come before a command; the help text is the app's."""


for _module in _MODULES:
    _module.register(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 when all is well, 1 for a failure, 2 for wrong usage or settings.

    What is wrong is told on standard error, one line per fault; never as a traceback for an AppError.
    """
    # Matrices here are small: waking BLAS's threads costs more than they save, and engines compute beside them.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        app(args=None if arguments is None else list(arguments))
    except AppError as error:
        for line in error.message.splitlines():
            print(f"error: {line}", file=sys.stderr)
        sys.exit(EXIT_USAGE if isinstance(error, SettingsError) else EXIT_FAILED)
    except BrokenPipeError:
        # The reader (`| head`) has gone: nothing to tell it. Without this, flushing at exit would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FAILED)
