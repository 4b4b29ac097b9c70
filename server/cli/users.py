"""`interlocutor setup` and `interlocutor users`: the first admin, and everybody else with an account."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from server.cli import persons
from server.cli.at_store import with_store
from server.cli.options import ConfigFolder, Overrides

if TYPE_CHECKING:
    from server.accounts.accounts import Accounts
    from server.settings.tree import Settings
    from server.store.store import Store

group = typer.Typer(help="Invite people, reset passwords, change roles, disable accounts.", no_args_is_help=True)

Answer = TypeVar("Answer")
_Login = Annotated[str, typer.Argument(metavar="LOGIN", help="The log-in name, for example an e-mail address.")]
_Role = Annotated[str, typer.Option(help="candidate, examiner, developer or admin.")]
_NewRole = Annotated[str, typer.Argument(metavar="ROLE", help="candidate, examiner, developer or admin.")]
_Name = Annotated[str, typer.Option(help="The person's name, as others see it.")]


def register(app: typer.Typer) -> None:
    """Add `setup`, and `users` with its commands, those of `persons.py` included."""
    persons.add_to(group)
    app.command("setup")(setup)
    app.add_typer(group, name="users")


def setup(login: _Login, name: _Name = "", overrides: Overrides = None, config: ConfigFolder = None) -> None:
    """Make the first admin, and print the one-time link by which they set their password."""
    from common.errors import AccessError

    async def do(accounts: Accounts) -> str:
        if await accounts.has_admin():
            raise AccessError("there is an admin already; `interlocutor users reset LOGIN` prints a new link for one")
        return (await accounts.invite("command line", login=login, name=name or login, role="admin"))[1]

    _print_link(do, overrides, config)


@group.command()
def invite(
    login: _Login, name: _Name = "", role: _Role = "candidate", overrides: Overrides = None, config: ConfigFolder = None
) -> None:
    """Add somebody, and print the one-time link by which they set their password."""

    async def do(accounts: Accounts) -> str:
        return (await accounts.invite("command line", login=login, name=name or login, role=role))[1]

    _print_link(do, overrides, config)


@group.command()
def reset(login: _Login, overrides: Overrides = None, config: ConfigFolder = None) -> None:
    """End somebody's log-ins and password, and print a one-time link to a new one."""

    async def do(accounts: Accounts) -> str:
        return (await accounts.reset("command line", (await accounts.find(login)).id))[1]

    _print_link(do, overrides, config)


@group.command("list")
def list_users(overrides: Overrides = None, config: ConfigFolder = None) -> None:
    """List everybody with an account."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    async def do(accounts: Accounts) -> list[tuple[str, ...]]:
        return [(one.login, one.name, one.role, one.state) for one in await accounts.everybody()]

    table = Table(box=None, pad_edge=False)
    for title in ("Login", "Name", "Role", "State"):
        table.add_column(title, overflow="fold")
    for row in _with_accounts(do, overrides, config):
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


@group.command("role")
def set_role(login: _Login, role: _NewRole, overrides: Overrides = None, config: ConfigFolder = None) -> None:
    """Give somebody another role, from their next request on."""

    async def do(accounts: Accounts) -> str:
        person = await accounts.change("command line", (await accounts.find(login)).id, role=role)
        return f"{person.login} is {person.role} now"

    typer.echo(_with_accounts(do, overrides, config))


@group.command()
def disable(login: _Login, overrides: Overrides = None, config: ConfigFolder = None) -> None:
    """Disable an account at once; what the person said stays."""
    _enable(login, False, overrides, config)


@group.command()
def enable(login: _Login, overrides: Overrides = None, config: ConfigFolder = None) -> None:
    """Enable an account again."""
    _enable(login, True, overrides, config)


def _enable(login: str, enabled: bool, overrides: Overrides, config: ConfigFolder) -> None:
    async def do(accounts: Accounts) -> str:
        person = await accounts.change("command line", (await accounts.find(login)).id, enabled=enabled)
        return f"{person.login} is {person.state} now"

    typer.echo(_with_accounts(do, overrides, config))


def _print_link(work: Callable[[Accounts], Awaitable[str]], overrides: Overrides, config: ConfigFolder) -> None:
    async def do(accounts: Accounts, settings: Settings) -> tuple[str, float]:
        host = "127.0.0.1" if settings.server.host in ("0.0.0.0", "::") else settings.server.host  # noqa: S104 - compared
        base = settings.auth.public_url or f"http://{host}:{settings.server.port}"
        return f"{base}/welcome#{await work(accounts)}", settings.auth.invitation_hours

    link, hours = _with_both(do, overrides, config)
    typer.echo(link)
    typer.echo(f"The link is good once, and for {hours:g} hours. Send it to nobody else.", err=True)


def _with_accounts(work: Callable[[Accounts], Awaitable[Answer]], overrides: Overrides, config: ConfigFolder) -> Answer:
    return _with_both(lambda accounts, _settings: work(accounts), overrides, config)


def _with_both(
    work: Callable[[Accounts, Settings], Awaitable[Answer]], overrides: Overrides, config: ConfigFolder
) -> Answer:
    import time

    from server.accounts.accounts import Accounts

    async def do(store: Store, settings: Settings) -> Answer:
        return await work(Accounts(store, settings.auth, now_s=time.monotonic), settings)

    return with_store(do, overrides=overrides, config=config)
