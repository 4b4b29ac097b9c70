"""Whether `audit verify` finds what somebody changed: one byte in the audit, a log or a recording, drawn at random.

`python -m tests.bench.tampering --tries 1000 [--seed 1] [--json FILE]`

A data folder is made with sealed role-plays, an audit of them and its anchor. Each try changes, cuts out, moves or adds
a byte, or cuts off an end, in one place before the last anchor: a cell of the audit or a whole line of it, the
envelopes, the payloads, the recording or the wrapped key of a session. Then all that `audit verify` does is done, and
the damage is taken back.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np

from audio.frames import WIRE_HZ
from audio.recorder import RECORDING_NAME, SegmentWriter, join
from bench.report_figures import Figure, print_figures, write_figures
from pipelines import events as e
from pipelines.log.disk import DiskThread
from pipelines.log.jsonl import EVENTS, PAYLOADS, JsonlStore
from pipelines.log.session_log import SessionLog
from server.logs import quiet_logs
from server.records.log_facts import log_head, recording_digest
from server.records.proof import prove_logs
from server.records.records import Records
from server.settings.store import AuditSettings, DatabaseSettings
from server.store.anchors import prove, read_anchors
from server.store.audit import lines
from server.store.store import Store
from server.store.urls import FILE_NAME
from server.vault.session_keys import KEY_NAME
from server.vault.vault import Vault
from tests.sealed import new_vault

SESSIONS = 4
FILES = (EVENTS, PAYLOADS, RECORDING_NAME, KEY_NAME)
CELLS = {
    "audit": ("at_ms", "action", "content_digest", "previous", "digest"),
    "audit_contents": ("salt", "content"),
}
Undo = Callable[[], object]


class Place:
    """A data folder with role-plays and an audit, and what is done to it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.vault = new_vault()
        self._drawn = random.Random(seed)
        self._anchors = folder / "anchors"

    def store(self) -> Store:
        """Return the store of this place."""
        return Store(DatabaseSettings(), AuditSettings(anchor=self._anchors), self.folder, self.vault)

    async def make(self) -> None:
        """Hold role-plays, and anchor the audit."""
        store = self.store()
        await store.open()
        for number in range(SESSIONS):
            name = f"sess_{number}"
            folder = self.folder / "sessions" / name
            await asyncio.to_thread(write_session, folder, self.vault, number)
            head = log_head(folder)
            assert head is not None
            await store.append("session.began", session=name, person="per_1", mode="practice", card="card")
            told = {"events": head.events, "head": head.digest, "payloads": head.payloads}
            await store.append("session.ended", session=name, **told)
            await store.append("session.recorded", session=name, recording=recording_digest(folder))
            await store.append("login.succeeded", person="per_1", network="192.0.2.7")
        await store.anchor()
        await store.stop()
        with closing(sqlite3.connect(self.folder / FILE_NAME)) as database:
            # Whoever owns the file is not stopped by its triggers.
            found = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for (trigger,) in found:
                database.execute(f"DROP TRIGGER {trigger}")
            database.commit()

    async def faults(self) -> list[str]:
        """Return what `audit verify` finds."""
        store = self.store()
        await store.open()
        try:
            async with store.database.reading() as connection:
                proof = await prove(lines(connection), read_anchors(self._anchors))
            return proof.faults + (await prove_logs(store, Records(self.folder / "sessions", self.vault)))[1]
        finally:
            await store.stop()

    def damage(self) -> tuple[str, Undo]:
        """Change something; return what, and how it is taken back."""
        kind = self._drawn.choice(("audit", "audit line", *FILES))
        if kind == "audit":
            return kind, self._cell()
        if kind == "audit line":
            return kind, self._line()
        path = self.folder / "sessions" / f"sess_{self._drawn.randrange(SESSIONS)}" / kind
        whole = path.read_bytes()
        path.write_bytes(self._damaged(whole))
        return kind, lambda: path.write_bytes(whole)

    def _damaged(self, whole: bytes) -> bytes:
        """Return other bytes: one is changed, cut out, moved or put in, or an end is cut off."""
        while True:
            at, to = self._drawn.randrange(len(whole)), self._drawn.randrange(len(whole))
            without = whole[:at] + whole[at + 1 :]
            damaged = self._drawn.choice(
                (
                    whole[:at] + bytes([whole[at] ^ 1 << self._drawn.randrange(8)]) + whole[at + 1 :],
                    without,
                    without[:to] + whole[at : at + 1] + without[to:],
                    whole[:at] + bytes([self._drawn.randrange(256)]) + whole[at:],
                    whole[:at],
                )
            )
            if damaged != whole:
                return damaged

    def _cell(self) -> Undo:
        with closing(sqlite3.connect(self.folder / FILE_NAME)) as database:
            table = self._drawn.choice(list(CELLS))
            column = self._drawn.choice(CELLS[table])
            rows = database.execute(f"SELECT seq, {column} FROM {table}").fetchall()
            seq, value = self._drawn.choice(rows)
            while True:
                other = self._damaged(str(value).encode()).decode("utf-8", errors="replace")
                # Of a number another form of the same is no change.
                if not isinstance(value, int) or (other.isascii() and other.isdigit() and int(other) != value):
                    break
            self._put(f"UPDATE {table} SET {column} = ? WHERE seq = ?", (other, seq))
        return lambda: self._put(f"UPDATE {table} SET {column} = ? WHERE seq = ?", (value, seq))

    def _line(self) -> Undo:
        """Cut a line of the audit out, or have two change places."""
        with closing(sqlite3.connect(self.folder / FILE_NAME)) as database:
            rows = database.execute("SELECT * FROM audit ORDER BY seq").fetchall()
        one, two = self._drawn.sample(rows, 2)
        marks = ", ".join("?" * len(one))

        def back() -> None:
            for row in rows:
                self._put(f"INSERT OR REPLACE INTO audit VALUES ({marks})", row)

        if self._drawn.random() < 0.5:
            self._put("DELETE FROM audit WHERE seq = ?", one[:1])
        else:
            self._put(f"INSERT OR REPLACE INTO audit VALUES ({marks})", (one[0], *two[1:]))
            self._put(f"INSERT OR REPLACE INTO audit VALUES ({marks})", (two[0], *one[1:]))
        return back

    def _put(self, statement: str, values: tuple[object, ...]) -> None:
        with closing(sqlite3.connect(self.folder / FILE_NAME)) as database:
            database.execute(statement, values)
            database.commit()


def write_session(folder: Path, vault: Vault, number: int) -> None:
    """Write the log and the recording of a short role-play as a server does."""
    folder.mkdir(parents=True)
    seal, disk = vault.make_session(folder), DiskThread()

    def fail(error: Exception) -> None:
        raise error

    log = SessionLog(
        now_ms=lambda: 0.0,
        media_ms=lambda: 0.0,
        salt=lambda: random.Random(number).randbytes(16).hex(),
        store=JsonlStore(folder, disk, failed=fail, seal=seal),
    )
    log.append(e.SessionStarted(folder.name, "practice", 300))
    for turn in range(10):
        log.append(e.TurnCommitted(turn, f"Sentence {turn}, said by somebody.", 0.0, 1.0))
    log.append(e.SessionEnded("ended"))
    log.close()
    disk.close()
    writer = SegmentWriter(folder, seal=seal)
    writer.write(np.random.default_rng(number).integers(-3_000, 3_000, (2 * WIRE_HZ, 2), dtype=np.int16))
    writer.close()
    join(folder, seal=seal)


async def measure(folder: Path, *, tries: int, seed: int) -> tuple[list[Figure], list[str]]:
    """Damage a place so many times; return the figures, and what was missed."""
    place = Place(folder, seed)
    await place.make()
    if found := await place.faults():
        raise SystemExit(f"there are faults before anything was changed: {found}")
    made: Counter[str] = Counter()
    missed: list[str] = []
    for number in range(tries):
        kind, undo = place.damage()
        made[kind] += 1
        if not await place.faults():
            missed.append(f"try {number}: {kind}")
        undo()
    if found := await place.faults():
        raise SystemExit(f"not all was taken back: {found}")
    figures = [Figure("found", float(tries - len(missed)), "changes", n=tries)]
    return figures + [
        Figure(f"tried_{kind.replace(' ', '_')}", float(n), "changes") for kind, n in made.items()
    ], missed


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    quiet_logs()
    with tempfile.TemporaryDirectory() as folder:
        figures, missed = asyncio.run(measure(Path(folder), tries=arguments.tries, seed=arguments.seed))
    print_figures(f"{arguments.tries} changes, each in another place", figures)
    for one in missed:
        sys.stdout.write(f"missed: {one}\n")
    if arguments.json:
        write_figures(arguments.json, figures)


if __name__ == "__main__":
    main()
