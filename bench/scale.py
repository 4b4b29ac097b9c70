"""`python -m bench.scale`: what a class, a centre and a country need; or with your own numbers."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from bench.scaling.demand import OpenDay, TogetherClass
from bench.scaling.measured_instance import BOOKS, read_books
from bench.scaling.scale_page import HOME_HOURS, demand_table, tables, write
from common.errors import SettingsError


def scale(
    people: Annotated[int | None, typer.Option(min=1, help="So many people; the table is theirs then.")] = None,
    per_week: Annotated[float, typer.Option(min=0.01, help="Role-plays of each in a week.")] = 3.0,
    day_share: Annotated[float, typer.Option(min=0.01, max=1, help="The busiest day's share of the week.")] = 0.2,
    together: Annotated[bool, typer.Option("--together", help="They all begin within two minutes.")] = False,
    places: Annotated[int | None, typer.Option(min=1, help="Role-plays at once of one instance.")] = None,
    cores: Annotated[int | None, typer.Option(min=1, help="Cores of one instance of yours.")] = None,
    books: Annotated[Path, typer.Option(help="Folder of the measured figures.")] = BOOKS,
    write_page: Annotated[bool, typer.Option("--write", help="Bring docs/scale.md up to date.")] = False,
) -> None:
    """Simulate a busy day, and say how many instances keep waits short."""
    try:
        instance = read_books(books)
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    own = dataclasses.replace(instance, places=places or instance.places, cores=cores or instance.cores)
    if people is not None:
        demand = TogetherClass(people) if together else OpenDay(people, per_week, day_share, HOME_HOURS)
        typer.echo(demand_table(demand, own))
    elif write_page:
        write(instance)
    else:
        for name, table in tables(own).items():
            typer.echo(f"{name}\n\n{table}\n")


if __name__ == "__main__":
    typer.run(scale)
