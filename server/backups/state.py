"""The content of a database as one digest: the same rows have the same digest, whatever order they lie in."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from sqlalchemy import MetaData, Table, inspect, select
from sqlalchemy.engine import Connection

_MODULUS = 1 << 256


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """How many rows all tables have, and the SHA-256 (hex) of what is in them."""

    rows: int
    digest: str


def state_of(connection: Connection) -> DatabaseState:
    """Return the state of all tables that there are, known to this version or not.

    Databases sort text each in its own way, so the digests of the rows are added up and none is sorted.
    """
    whole, rows = hashlib.sha256(), 0
    for name in sorted(inspect(connection).get_table_names()):
        table = Table(name, MetaData(), autoload_with=connection)
        columns = sorted(table.c, key=lambda column: str(column.name))
        count = total = 0
        for row in connection.execution_options(yield_per=500).execute(select(*columns)):
            text = json.dumps([str(name), *row], default=str, ensure_ascii=False)
            total = (total + int.from_bytes(hashlib.sha256(text.encode()).digest())) % _MODULUS
            count += 1
        whole.update(json.dumps([name, [str(column.name) for column in columns], count, f"{total:x}"]).encode())
        rows += count
    return DatabaseState(rows, whole.hexdigest())
