"""Backs up under load and restores, damages what the audit proves, and looks for what was erased.

`python -m tests.bench.keeping --backups 10 --damages 1000 --json FILE`, on SQLite and on a real PostgreSQL. Role-plays
are written as the server writes them, one after another by four writers, while one backup follows the other. Later
erasures come after the last. Then each backup is restored and held against what it was made from.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
from pydantic import SecretStr
from rich.progress import track

from audio.recorder import RECORDING_NAME
from bench.figures import Figure, print_figures, write_figures
from pipelines.log.jsonl import EVENTS, PAYLOADS
from server.backups.making import Made, make_backup, shelf_of, tell_erasures
from server.backups.restoring import restore
from server.measures import percentile
from server.records.folder import RecordFolder
from server.records.person_erasing import erase_person
from server.records.proof import prove_logs
from server.settings.store import DatabaseSettings
from server.store import audit
from server.store.anchors import prove
from server.store.audit import Head
from server.store.erasures import note_erasure
from server.vault.opening import open_vault
from tests.postgres import cluster
from tests.unit.store.backed_up import Data, opened_at, settings_of

WRITERS = 4
ERASED, KEPT = 3, 8
SAID = "My grandmother kept bees in Ballyvaughan."
NAME = "Wilhelmina Featherstonehaugh"
AUDIT_TABLES = ("audit", "audit_contents")


@dataclass(slots=True)
class Restores:
    """What came of backups that were made under load."""

    same: int = 0
    proved: int = 0
    erased_again: int = 0
    to_erase: int = 0
    found: int = 0
    seconds: list[float] = field(default_factory=list)
    restored: list[Made] = field(default_factory=list)


async def faults_of(data: Data, anchors: Sequence[Head] = ()) -> list[str]:
    """Return all that `audit verify` would say."""
    async with data.store.database.reading() as connection:
        proof = await prove(audit.lines(connection), anchors)
    _, faults = await prove_logs(data.store, data.root, open_vault(data.settings))
    return proof.faults + faults


async def back_up(place: Path, make_database: Callable[[], DatabaseSettings], times: int) -> Restores:
    """Make backups while others write, erase, and restore each."""
    settings = settings_of(place / "data", make_database(), place / "shelf", keep=times + 1)
    result, made = Restores(), list[Made]()
    async with opened_at(settings) as data:
        await data.person("per_gone", NAME)
        for number in range(ERASED + KEPT):
            await data.held(f"sess_a{number:03}", person="per_gone" if number < ERASED else None, words=SAID)
        stop = asyncio.Event()

        async def write(who: int) -> None:
            number = 0
            while not stop.is_set():
                await data.held(f"sess_{who}{number:05}")
                number += 1

        writers = [asyncio.create_task(write(who)) for who in range(WRITERS)]
        for _ in track(range(times), description="backups"):
            made.append(await make_backup(data.store, settings, shelf_of(settings), by="a bench"))
        stop.set()
        await asyncio.gather(*writers)
        await erase_person(data.store, data.root, "per_gone", exams="erase", by="a bench")
        RecordFolder(data.root / f"sess_a{ERASED:03}").erase()
        async with data.store.database.writing() as connection:
            await note_erasure(connection, f"sess_a{ERASED:03}", by="a bench")
        await tell_erasures(data.store, settings, shelf_of(settings))
    result.seconds = [one.seconds for one in made]
    for at, one in enumerate(track(made, description="restores")):
        other = settings_of(place / f"other{at}", make_database(), place / "shelf")
        done = await restore(one.folder, other)
        facts = one.manifest.database
        result.same += (done.state.rows, done.state.digest) == (facts.rows, facts.digest)
        result.to_erase += ERASED + 2
        result.erased_again += len(done.again.sessions) + len(done.again.people)
        async with opened_at(other) as back:
            result.proved += await faults_of(back) == []
            gone = [back.root / f"sess_a{number:03}" / PAYLOADS for number in range(ERASED + 1)]
            result.found += sum(path.stat().st_size > 0 for path in gone)
        words = (NAME.encode(), NAME.lower().encode())
        files = [path for path in other.data_path.rglob("*") if path.is_file()]
        result.found += sum(word in path.read_bytes() for path in files for word in words)
        shutil.rmtree(other.data_path)
    return result


# ------------------------------------------------------------------ damages


def damage_file(drawn: random.Random, root: Path) -> Callable[[], None]:
    """Change, cut or move bytes of a log or a recording; return what undoes it."""
    folder = drawn.choice(sorted(path for path in root.iterdir() if path.is_dir()))
    path = folder / drawn.choice((EVENTS, PAYLOADS, RECORDING_NAME))
    whole = damaged = path.read_bytes()
    while damaged == whole:
        at, other = sorted(drawn.sample(range(len(whole)), 2))
        damaged = drawn.choice(
            (
                whole[:at] + bytes([whole[at] ^ 1 << drawn.randrange(8)]) + whole[at + 1 :],
                whole[:at],
                whole[:at] + whole[at + 1 :],
                whole[:at] + whole[other:] + whole[at:other],
            )
        )
    path.write_bytes(damaged)

    def undo() -> None:
        path.write_bytes(whole)

    return undo


def damage_audit(drawn: random.Random, connection: sqlite3.Connection, last: int) -> Callable[[], None]:
    """Change a letter of a line, cut lines out, cut the end off, or exchange two; return what undoes it."""
    kept = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in AUDIT_TABLES}
    seq, other = drawn.sample(range(1, last + 1), 2)
    how = drawn.choice(("change", "cut", "end", "exchange"))
    if how == "change":
        table, column = drawn.choice(
            (("audit", "action"), ("audit", "digest"), ("audit", "at_ms"), ("audit_contents", "content"))
        )
        text = str(connection.execute(f"SELECT {column} FROM {table} WHERE seq = ?", (seq,)).fetchone()[0])
        at = drawn.randrange(len(text))
        letter = drawn.choice([one for one in "0123456789" if one != text[at]])
        changed = text[:at] + letter + text[at + 1 :]
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE seq = ?", (changed, seq))
    elif how in ("cut", "end"):
        which = "seq = ?" if how == "cut" else "seq >= ?"
        for table in reversed(AUDIT_TABLES):
            connection.execute(f"DELETE FROM {table} WHERE {which}", (seq,))
    else:
        for before, after in ((seq, -1), (other, seq), (-1, other)):
            for table in AUDIT_TABLES:
                connection.execute(f"UPDATE {table} SET seq = ? WHERE seq = ?", (after, before))
    connection.commit()

    def undo() -> None:
        for table in reversed(AUDIT_TABLES):
            connection.execute(f"DELETE FROM {table}")
        for table in AUDIT_TABLES:
            marks = ", ".join("?" for _ in kept[table][0])
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", kept[table])
        connection.commit()

    return undo


async def find_damages(place: Path, times: int, seed: int) -> tuple[int, list[int]]:
    """Damage something again and again; return how many were found, and the tries that were not."""
    drawn, missed = random.Random(seed), list[int]()
    async with opened_at(settings_of(place / "data", DatabaseSettings(), place / "shelf")) as data:
        for number in range(4):
            await data.held(f"sess_{number}", words=SAID)
        async with data.store.database.reading() as connection:
            head = await audit.head(connection)
        assert await faults_of(data, [head]) == []
        assert data.store.database.path is not None
        with contextlib.closing(sqlite3.connect(data.store.database.path)) as owner:
            # Whoever owns the file can take away what keeps the audit as it is.
            for (name,) in owner.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                owner.execute(f"DROP TRIGGER {name}")
            owner.commit()
            for at in track(range(times), description="damages"):
                hurt_audit = drawn.random() < 0.5
                undo = damage_audit(drawn, owner, head.seq) if hurt_audit else damage_file(drawn, data.root)
                if not await faults_of(data, [head]):
                    missed.append(at)
                undo()
        assert await faults_of(data, [head]) == []
    return times - len(missed), missed


def figures_of(restores: dict[str, Restores], times: int, damages: int, found: int, seconds: float) -> list[Figure]:
    """Return what was measured."""
    rows = []
    for kind, one in restores.items():
        rows += [
            Figure(f"{kind}_restored_as_it_was", one.same, "backups", n=times),
            Figure(f"{kind}_audit_and_logs_hold", one.proved, "backups", n=times),
            Figure(f"{kind}_erased_again", one.erased_again, "erasures", n=one.to_erase),
            Figure(f"{kind}_erased_and_found", one.found, "files", n=times),
            Figure(f"{kind}_backup_p50_s", percentile(one.seconds, 0.5), "s", n=times),
        ]
    rows.append(Figure("damages_found", found, "damages", n=damages))
    rows.append(Figure("seconds", round(seconds, 1), "s"))
    return rows


async def measure(backups: int, damages: int, seed: int) -> list[Figure]:
    """Measure all of it."""
    began_s = time.monotonic()
    restores: dict[str, Restores] = {}
    with tempfile.TemporaryDirectory() as name, cluster() as address:
        place = Path(name)
        numbers = iter(range(10_000))

        def sqlite() -> DatabaseSettings:
            return DatabaseSettings(url=SecretStr(f"sqlite:///{place}/{next(numbers)}.db"))

        names = [f"kept_{number}" for number in range(backups + 1)]
        owner = await asyncpg.connect(address.format(name="postgres"))
        for one in names:
            await owner.execute(f"CREATE DATABASE {one} TEMPLATE template0")
        await owner.close()
        there = iter(names)

        def postgresql() -> DatabaseSettings:
            return DatabaseSettings(url=SecretStr(address.format(name=next(there))))

        for kind, make in (("sqlite", sqlite), ("postgresql", postgresql)):
            restores[kind] = await back_up(place / kind, make, backups)
        found, missed = await find_damages(place / "damages", damages, seed)
    if missed:
        sys.stderr.write(f"not found, with seed {seed}: {missed[:20]}\n")
    return figures_of(restores, backups, damages, found, time.monotonic() - began_s)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backups", type=int, default=10)
    parser.add_argument("--damages", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(arguments)
    figures = asyncio.run(measure(asked.backups, asked.damages, asked.seed))
    print_figures("what is kept", figures)
    if asked.json is not None:
        write_figures(asked.json, figures)


if __name__ == "__main__":
    main()
