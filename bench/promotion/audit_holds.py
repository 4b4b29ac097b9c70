"""Whether the audit of this installation holds: `python -m bench.promotion.audit_holds`.

As `interlocutor audit verify`, which makes a database where there is none; here such a place is told of and left alone.
"""

from __future__ import annotations

import sys

import typer

from bench.promotion.gate_run import EXIT_SKIPPED


def main() -> None:
    """Follow the audit; exit 1 with a line for each fault, 77 where nothing was ever written."""
    from server.cli import main as interlocutor
    from server.settings.tree import load_settings

    settings = load_settings()
    if settings.database.url is None and not (settings.data_path / "interlocutor.db").exists():
        typer.echo(f"there is no database in {settings.data_path} yet, so no audit")
        raise SystemExit(EXIT_SKIPPED)
    sys.argv = ["interlocutor", "audit", "verify"]
    interlocutor()


if __name__ == "__main__":
    main()
