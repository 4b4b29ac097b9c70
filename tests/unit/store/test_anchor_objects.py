"""Anchors of the audit as objects in a bucket: written once, and read back."""

from __future__ import annotations

import json

from obstore.store import MemoryStore

from server.objects.s3 import StoredObjects
from server.store.anchor_objects import AnchorObjects
from server.store.audit import Head

HEADS = [Head(number, f"{number:064x}") for number in (1, 2, 30, 1_000_000)]


def test_anchors_are_kept_once_and_read_back() -> None:
    bucket = StoredObjects(MemoryStore())
    anchors, others = AnchorObjects(bucket, "oet/"), AnchorObjects(bucket, "another/")
    assert anchors.read() == []
    for head in (*HEADS, HEADS[0]):
        anchors.write(head)
    assert anchors.read() == HEADS
    assert others.read() == []
    assert [AnchorObjects(StoredObjects(MemoryStore())).read(), len(bucket.names("oet"))] == [[], len(HEADS)]


def test_what_is_there_is_never_written_again_and_a_second_head_of_a_number_stands_beside_it() -> None:
    bucket = StoredObjects(MemoryStore())
    anchors = AnchorObjects(bucket)
    anchors.write(HEADS[0])
    (name,) = bucket.names("")
    bucket.put_new(name, b"something else")
    assert json.loads(bucket.content(name))["digest"] == HEADS[0].digest
    forged = Head(HEADS[0].seq, "f" * 64)
    anchors.write(forged)
    assert set(anchors.read()) == {HEADS[0], forged}


def test_what_is_no_anchor_is_passed_over() -> None:
    bucket = StoredObjects(MemoryStore())
    anchors = AnchorObjects(bucket)
    for name, content in (("anchor-x.json", b"{"), ("anchor-y.json", b"[1]"), ("notes.txt", b"hello")):
        bucket.put_new(name, content)
    anchors.write(HEADS[0])
    assert anchors.read() == [HEADS[0]]
