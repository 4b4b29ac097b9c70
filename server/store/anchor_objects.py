"""Anchors of the audit in a bucket: one object for each, which is never written again.

With a retention on the bucket (object lock) nobody can change or delete one before its time, whoever has the key.
"""

from __future__ import annotations

import json
from typing import Protocol

from server.settings.s3 import S3Settings
from server.store.audit import Head


class Bucket(Protocol):
    """What anchors need of an object store; each call raises StorageError."""

    def put_new(self, name: str, data: bytes) -> None:
        """Write an object; one of this name that is there stays as it is."""

    def names(self, prefix: str) -> list[str]:
        """Return the names of the objects that begin so, in their order."""

    def content(self, name: str) -> bytes:
        """Return a whole object."""


class AnchorObjects:
    """The anchors of one deployment, whose names begin with `prefix`."""

    def __init__(self, bucket: Bucket, prefix: str = "") -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}anchor-"

    def write(self, head: Head) -> None:
        """Keep a head; raises StorageError."""
        # Two heads of one number, of which one was forged, are two objects.
        name = f"{self._prefix}{head.seq:012d}-{head.digest[:16]}.json"
        self._bucket.put_new(name, json.dumps({"seq": head.seq, "digest": head.digest}).encode())

    def read(self) -> list[Head]:
        """Return all heads; what is no anchor is passed over. Raises StorageError."""
        found = []
        for name in self._bucket.names(self._prefix.rpartition("/")[0]):
            if not name.startswith(self._prefix):
                continue
            try:
                told = json.loads(self._bucket.content(name))
                found.append(Head(int(told["seq"]), str(told["digest"])))
            except (ValueError, KeyError, TypeError):
                continue
        return found


def anchor_objects(settings: S3Settings) -> AnchorObjects | None:
    """Return the anchors in the bucket of these settings, None where they name none; raises SettingsError."""
    if settings.bucket is None:
        return None
    # Its client takes memory, and most servers have no object store.
    from server.objects.s3 import connect

    return AnchorObjects(connect(settings), settings.prefix)
