"""`interlocutor exams`: who sits an exam when, with which cards, and who examines it."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from server.cli.at_store import with_store
from server.cli.options import AsJson, ConfigFolder, Overrides

if TYPE_CHECKING:
    from server.exams.schedule import Schedule
    from server.settings.tree import Settings
    from server.store.exams import Exam
    from server.store.store import Store

group = typer.Typer(
    help="Plan exams, say who examines them, and declare them void. An exam is a warm-up and two role-plays for one "
    "candidate: the schedule chooses the cards, and the candidate may begin from its opening to its end.",
    no_args_is_help=True,
)

Answer = TypeVar("Answer")
_ExamId = Annotated[str, typer.Argument(metavar="EXAM", help="The exam's id, as `exams list` shows it.")]
_Examiners = Annotated[
    list[str] | None,
    typer.Option("--examiner", metavar="LOGIN", help="Log-in name of an examiner; give the option again for more."),
]
_Reason = Annotated[str, typer.Option(help="Why; it stays in the record.")]
BY = "command line"


def register(app: typer.Typer) -> None:
    """Add `exams` with its commands."""
    app.add_typer(group, name="exams")


@group.command()
def create(
    candidates: Annotated[
        list[str], typer.Option("--candidate", metavar="LOGIN", help="Log-in name; give it again for more candidates.")
    ],
    cards: Annotated[
        list[str],
        typer.Option("--card", metavar="CARD", help="Give it twice: for the first role-play, then the second."),
    ],
    opens: Annotated[
        str, typer.Option("--from", metavar="TIME", help="From when it may be begun: 2026-12-01T09:00, local time.")
    ],
    until: Annotated[
        str, typer.Option("--until", metavar="TIME", help="Until when it may be begun; without it, for two hours.")
    ] = "",
    examiners: _Examiners = None,
    title: Annotated[str, typer.Option(help="What the candidate sees it called.")] = "Speaking exam",
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Plan an exam for each candidate, all with the same cards and examiners; print their ids."""
    opens_ms = _milliseconds(opens)
    closes_ms = _milliseconds(until) if until else opens_ms + round(timedelta(hours=2).total_seconds() * 1000)

    async def do(schedule: Schedule) -> list[Exam]:
        return await schedule.create(
            BY,
            candidates=candidates,
            examiners=examiners or [],
            cards=cards,
            opens_ms=opens_ms,
            closes_ms=closes_ms,
            title=title,
        )

    for exam in _with_schedule(do, overrides, config):
        typer.echo(exam.id)


@group.command("list")
def list_exams(
    state: Annotated[str | None, typer.Option(help="scheduled, begun, closed or void.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most, the latest first.")] = 50,
    as_json: AsJson = False,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """List exams, the latest first."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from server.store import exams, people

    async def do(store: Store, _settings: Settings) -> tuple[list[Exam], dict[str, str]]:
        async with store.database.reading() as connection:
            found = await exams.find(connection, state=state, limit=limit)
            return found, await people.names(connection, {one.candidate_id for one in found if one.candidate_id})

    found, names = with_store(do, overrides=overrides, config=config)
    if as_json:
        typer.echo(json.dumps([_plain(one) for one in found], indent=2))
        return
    table = Table(box=None, pad_edge=False)
    for title in ("Id", "Opens", "Candidate", "State", "Cards", "Examiners"):
        table.add_column(title, overflow="fold", no_wrap=title == "Id")
    for one in found:
        cards = ", ".join(part.card_id for part in one.parts)
        name = names.get(one.candidate_id or "", "-")
        table.add_row(one.id, _local(one.opens_ms), Text(name), one.state, cards, str(len(one.examiners)))
    Console().print(table)


@group.command()
def show(exam_id: _ExamId, overrides: Overrides = None, config: ConfigFolder = None) -> None:
    """Show an exam with its sessions, its incidents, and why it is void if it is."""

    async def do(schedule: Schedule) -> Exam:
        return await schedule.get(exam_id)

    typer.echo(json.dumps(_plain(_with_schedule(do, overrides, config)), indent=2))


@group.command()
def assign(
    exam_id: _ExamId, examiners: _Examiners = None, overrides: Overrides = None, config: ConfigFolder = None
) -> None:
    """Have these people examine an exam, and nobody else; without any, nobody does."""

    async def do(schedule: Schedule) -> Exam:
        return await schedule.assign(BY, exam_id, examiners or [])

    count = len(_with_schedule(do, overrides, config).examiners)
    typer.echo(f"{exam_id} has {count} examiner{'' if count == 1 else 's'} now")


@group.command()
def void(
    exam_id: _ExamId,
    reason: _Reason,
    session: Annotated[
        str, typer.Option(metavar="SESSION", help="Only this session of it: the part may be held again.")
    ] = "",
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Declare an exam void, or one session of it; it stays in the record. A running one ends within seconds."""

    async def do(schedule: Schedule) -> Exam:
        if session:
            return await schedule.void_session(BY, exam_id, session, reason)
        return await schedule.void(BY, exam_id, reason)

    _with_schedule(do, overrides, config)
    typer.echo(f"{session or exam_id} is void now")


@group.command()
def agreement(
    as_json: AsJson = False,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Say how far examiners agree who marked blind, by criterion and by examiner."""
    from server.exams.marked import examiners_agreement

    async def do(store: Store, settings: Settings) -> dict[str, Any]:
        return await examiners_agreement(store, settings.marking)

    told = with_store(do, overrides=overrides, config=config)
    typer.echo(json.dumps(told, indent=2)) if as_json else _print_agreement(told)


def _print_agreement(told: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    def share(value: float | None) -> str:
        return "-" if value is None else f"{value:.0%}"

    def interval(value: float | None, low: float | None, high: float | None, form: str) -> str:
        if value is None:
            return "-"
        return format(value, form) + ("" if low is None or high is None else f" ({low:{form}} to {high:{form}})")

    why = {
        "too_few": f"too few ({told['wanted']})",
        "not_made": "not made",
        "all_equal": "all marks are equal",
    }
    console = Console()
    for name, column in (("criterion", "Weighted kappa"), ("examiner", "Above the others")):
        table = Table(box=None, pad_edge=False)
        for title in (name.capitalize(), "Role-plays", "Same mark", "One apart at most", column):
            table.add_column(title)
        for row in told["criteria" if name == "criterion" else "examiners"]:
            if name == "criterion":
                last = interval(row["kappa"], row["kappa_low"], row["kappa_high"], ".2f")
                last = why.get(row["kappa_none"], last)
            else:
                last = interval(row["severity"], row["severity_low"], row["severity_high"], "+.2f")
            table.add_row(Text(row[name]), str(row["role_plays"]), share(row["exact"]), share(row["adjacent"]), last)
        console.print(table)
        console.print()
    if told["fault"]:
        typer.echo(told["fault"])


def _with_schedule(work: Callable[[Schedule], Awaitable[Answer]], overrides: Overrides, config: ConfigFolder) -> Answer:
    from pipelines.patient.card_library import CardLibrary
    from server.exams.schedule import Schedule

    async def do(store: Store, settings: Settings) -> Answer:
        return await work(Schedule(store, CardLibrary.load(settings.cards_folder)))

    return with_store(do, overrides=overrides, config=config)


def _milliseconds(text: str) -> int:
    """Return a time of day in milliseconds since 1970; local time where it names no zone."""
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is no time; write it like 2026-12-01T09:00") from None


def _local(at_ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at_ms / 1000))


def _plain(exam: Exam) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(exam) | {"examiners": sorted(exam.examiners)}
