"""The audit's head in a second place, and what it proves: up to which line nobody can have changed the chain since."""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from common.errors import StorageError, storage_error
from server.store.audit import FIRST, AuditLine, Head

# Whoever looks at it wants the first places that are wrong, not a million that follow from them.
MOST_FAULTS = 20


def write_anchor(path: Path, head: Head) -> None:
    """Add the head to a file and see that it is on the disk; raises StorageError."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = json.dumps({"seq": head.seq, "digest": head.digest, "at": at}) + "\n"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise storage_error(path, error) from error


def read_anchors(path: Path) -> list[Head]:
    """Return the heads in a file of anchors, or in a server's log, whose other lines are passed over.

    Raises StorageError when it can't be read.
    """
    try:
        texts = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise StorageError(f"the anchors '{path.name}' can't be read: {error.strerror}; name another file") from error
    found = []
    for text in texts:
        try:
            line = json.loads(text)
            if line.get("event", "audit_anchor") == "audit_anchor":
                found.append(Head(int(line["seq"]), str(line["digest"])))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return found


@dataclass(slots=True)
class Proof:
    """What was found: lines read, those whose content was erased, faults, and up to which line anchors prove it."""

    lines: int = 0
    erased: int = 0
    head: Head = field(default_factory=lambda: Head(0, FIRST))
    proved: int = 0
    faults: list[str] = field(default_factory=list)


async def prove(lines: AsyncIterator[AuditLine], anchors: Sequence[Head] = ()) -> Proof:
    """Follow the chain from its first line, and compare it with the anchors."""
    proof = Proof()
    wanted: dict[int, set[str]] = {}
    for anchor in anchors:
        wanted.setdefault(anchor.seq, set()).add(anchor.digest)
    async for line in lines:
        faults = line.faults(proof.head)
        if len(proof.faults) < MOST_FAULTS:
            proof.faults += faults
        proof.lines += 1
        proof.erased += line.content is None
        proof.head = Head(line.seq, line.digest)
        if (known := wanted.pop(line.seq, None)) is not None:
            if known == {line.digest}:
                proof.proved = line.seq
            else:
                proof.faults.append(f"line {line.seq} is not the one that was anchored: the chain was made anew")
    wanted.pop(0, None)
    if wanted:
        last = max(wanted)
        proof.faults.append(f"line {last} was anchored and is missing: the end of the audit was cut off")
    return proof
