"""Backs up under load and restores, and looks for what was erased after the backups.

`python -m tests.bench.keeping --backups 10 --json FILE`, on SQLite and on a real PostgreSQL. Role-plays
are written as the server writes them, one after another by four writers, while one backup follows the other. Later
erasures come after the last. Then each backup is restored and held against what it was made from.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
from pydantic import SecretStr
from rich.progress import track

from bench.report_figures import Figure, print_figures, write_figures
from pipelines.log.jsonl import PAYLOADS
from server.backups.making import Made, make_backup, shelf_of, tell_erasures
from server.backups.restoring import restore
from server.measures import percentile
from server.records.folder import RecordFolder
from server.records.person_erasing import erase_person
from server.records.proof import prove_logs
from server.records.records import open_records
from server.settings.store import DatabaseSettings
from server.store import audit
from server.store.anchors import prove
from server.store.erasures import note_erasure
from tests.postgres import cluster
from tests.unit.store.backed_up import Data, opened_at, settings_of

WRITERS = 4
ERASED, KEPT = 3, 8
SAID = "My grandmother kept bees in Ballyvaughan."
NAME = "Wilhelmina Featherstonehaugh"


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


async def faults_of(data: Data) -> list[str]:
    """Return all that `audit verify` would say."""
    async with data.store.database.reading() as connection:
        proof = await prove(audit.lines(connection))
    _, faults = await prove_logs(data.store, open_records(data.settings))
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


def figures_of(restores: dict[str, Restores], times: int, seconds: float) -> list[Figure]:
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
    rows.append(Figure("seconds", round(seconds, 1), "s"))
    return rows


async def measure(backups: int) -> list[Figure]:
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
    return figures_of(restores, backups, time.monotonic() - began_s)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backups", type=int, default=10)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(arguments)
    figures = asyncio.run(measure(asked.backups))
    print_figures("what is kept", figures)
    if asked.json is not None:
        write_figures(asked.json, figures)


if __name__ == "__main__":
    main()
