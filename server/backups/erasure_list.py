"""The list of all that was erased, by ids that name nobody: it lies beside the backups and not in them.

A backup is older than the erasures that came after it. Whoever restores it reads this list, and erases them again.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from audio.files import append_lines
from common.errors import StorageError
from server.store.tables import people, sessions

NAME = "erasures.jsonl"
# What the lines of a server's log say, which serve as a list too.
LOGGED = {"session_erased": "session", "session_deleted": "session", "person_erased": "person"}


@dataclass(frozen=True, slots=True, order=True)
class Erasure:
    """What was erased: a session or a person (`about`), and which."""

    about: str
    id: str


async def erased(connection: AsyncConnection) -> set[Erasure]:
    """Return all that the database knows to be erased, or to be about to be."""
    gone = select(sessions.c.id).where(sessions.c.state.in_(("erasing", "erased")))
    found = {Erasure("session", row[0]) for row in await connection.execute(gone)}
    nobody = select(people.c.id).where(people.c.state.in_(("erasing", "erased")))
    return found | {Erasure("person", row[0]) for row in await connection.execute(nobody)}


async def count(connection: AsyncConnection) -> int:
    """Return how many that are, which is quick."""
    gone = select(func.count()).select_from(sessions).where(sessions.c.state.in_(("erasing", "erased")))
    nobody = select(func.count()).select_from(people).where(people.c.state.in_(("erasing", "erased")))
    return int((await connection.execute(gone)).scalar_one()) + int((await connection.execute(nobody)).scalar_one())


def read_list(path: Path) -> set[Erasure]:
    """Return what a list, or a server's log, says was erased; raises StorageError when it can't be read."""
    try:
        texts = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise StorageError(
            f"the list of erasures '{path.name}' can't be read: {error.strerror}; name another file",
            code="backup.no_erasures",
        ) from error
    found: set[Erasure] = set()
    for line in texts:
        # A line that a crash cut off: what it was about is written again, since the database still knows it.
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
            found.add(_erasure(json.loads(line)))
    return found


def add_to_list(path: Path, wanted: Iterable[Erasure], known: Collection[Erasure] | None = None) -> set[Erasure]:
    """Add to a list what it lacks, and see that it is on the disk; return all that is in it. Raises StorageError."""
    is_new = not path.exists()
    there = set(known) if known is not None and not is_new else set() if is_new else read_list(path)
    missing = sorted(set(wanted) - there)
    if not missing and not is_new:
        return there
    lines = "".join(json.dumps({"about": one.about, "id": one.id}) + "\n" for one in missing)
    append_lines(path, lines.encode(), durable=True)
    return there | set(missing)


def _erasure(line: dict[str, Any]) -> Erasure:
    if line.get("event") in LOGGED:
        about = LOGGED[line["event"]]
        return Erasure(about, str(line["data"][about]))
    if line["about"] not in ("session", "person"):
        raise ValueError(line["about"])
    return Erasure(line["about"], str(line["id"]))
