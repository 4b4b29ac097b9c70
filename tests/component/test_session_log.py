"""The session log: envelopes, audiences, and what is on disk."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from common.errors import StorageError
from common.seal import Seal
from pipelines.events import EVENT_TYPES, Audience, CueHeard, Event, SessionEnded, TurnCommitted
from pipelines.log.disk import DiskThread
from pipelines.log.jsonl import EVENTS, PAYLOADS, JsonlStore, is_intact, plain_payloads, read_jsonl
from pipelines.log.session_log import LogEntry, LogStore, SessionLog
from pipelines.log.stored_events import StoredLog


def make_log(store: LogStore | None = None) -> SessionLog:
    times = iter(range(1000, 100_000, 10))
    return SessionLog(now_ms=lambda: float(next(times)), media_ms=lambda: 5.0, salt=lambda: "salt", store=store)


def fill(log: SessionLog) -> None:
    log.append(TurnCommitted(1, "where does it hurt", 0.0, 900.0))
    log.append(CueHeard("pain", 1, 1))
    log.append(SessionEnded("ended"))


def test_a_reader_sees_only_what_its_audience_may() -> None:
    log = make_log()
    seen: dict[Audience, list[LogEntry]] = {audience: [] for audience in Audience}
    for audience in Audience:
        log.subscribe(audience, seen[audience].append)
    fill(log)
    assert [r.event.type_name() for r in seen[Audience.CANDIDATE]] == ["turn_committed", "session_ended"]
    assert len(seen[Audience.EXAMINER]) == len(seen[Audience.INTERNAL]) == 3
    assert "pain" not in repr(log.snapshot(Audience.CANDIDATE))
    assert list(log.read_from(1, Audience.CANDIDATE)) == seen[Audience.CANDIDATE][1:]


def test_a_late_joiner_gets_a_snapshot_then_events() -> None:
    log = make_log()
    log.append(TurnCommitted(1, "hello", 0.0, 900.0))
    snapshot = log.snapshot(Audience.EXAMINER)
    assert (snapshot.next_seq, snapshot.turns) == (1, 1)
    log.append(SessionEnded("ended"))
    assert [r.envelope.seq for r in log.read_from(snapshot.next_seq, Audience.EXAMINER)] == [1]


def test_session_time_starts_at_nought_and_seq_has_no_holes() -> None:
    log = make_log()
    fill(log)
    envelopes = [r.envelope for r in log.read_from(0, Audience.INTERNAL)]
    assert [e.seq for e in envelopes] == [0, 1, 2]
    assert [e.session_ms for e in envelopes] == [0.0, 10.0, 20.0]


def test_what_is_on_disk_is_what_was_logged_and_can_be_erased(tmp_path: Path) -> None:
    disk = DiskThread()
    log = make_log(JsonlStore(tmp_path, disk, failed=lambda error: pytest.fail(error.message)))
    fill(log)
    log.sync()
    assert disk.flush()
    entries = list(read_jsonl(tmp_path))
    assert [e.envelope for e in entries] == [r.envelope for r in log.read_from(0, Audience.INTERNAL)]
    assert entries[0].payload is not None
    assert entries[0].payload["text"] == "where does it hurt"
    assert all(is_intact(e) for e in entries)
    log.close()
    disk.close()
    forged = (tmp_path / PAYLOADS).read_text().replace("where does it hurt", "where does it itch")
    (tmp_path / PAYLOADS).write_text(forged)
    assert [is_intact(e) for e in read_jsonl(tmp_path)] == [False, True, True]
    (tmp_path / PAYLOADS).write_text("")  # erased: the envelopes remain
    assert [(e.payload, e.envelope.seq) for e in read_jsonl(tmp_path)] == [(None, 0), (None, 1), (None, 2)]


def test_a_sealed_log_is_read_with_its_seal_and_says_nothing_without(tmp_path: Path) -> None:
    seal = Seal.new()
    disk = DiskThread()
    log = make_log(JsonlStore(tmp_path, disk, failed=lambda error: pytest.fail(error.message), seal=seal))
    fill(log)
    log.close()
    disk.close()
    path = tmp_path / PAYLOADS
    whole = path.read_bytes()
    assert b"hurt" not in whole
    assert b"salt" not in whole
    entries = list(read_jsonl(tmp_path, seal))
    assert [record.event for record in StoredLog(tmp_path, seal).records(Audience.INTERNAL)] == [
        record.event for record in log.read_from(0, Audience.INTERNAL)
    ]
    assert all(is_intact(entry) for entry in entries)
    plain = [json.loads(line) for line in plain_payloads(tmp_path, seal)]
    assert [(line["seq"], line["salt"], line["payload"]) for line in plain] == [
        (entry.envelope.seq, entry.salt, entry.payload) for entry in entries
    ]
    with pytest.raises(StorageError) as raised:
        list(read_jsonl(tmp_path))
    assert raised.value.code == "storage.no_key"
    first, second, third = whole.splitlines(keepends=True)
    moved = first.replace(b'"seq": 0', b'"seq": 1') + second.replace(b'"seq": 1', b'"seq": 0') + third
    changed = first.replace(b'": "', b'": "AAAA', 1) + second + third
    for bad in (moved, changed, b"torn " + whole, b"[]\n" + whole, b'{"sealed": 1, "seq": 0}\n' + whole):
        path.write_bytes(bad)
        with pytest.raises(StorageError) as raised:
            list(read_jsonl(tmp_path, seal))
        assert raised.value.code == "storage.damaged"
    path.write_bytes(whole + whole[:50])  # a crash cut its last line off
    assert len(list(read_jsonl(tmp_path, seal))) == 3


def test_a_log_that_an_earlier_version_began_in_the_plain_is_read_beside_sealed_lines(tmp_path: Path) -> None:
    seal, disk = Seal.new(), DiskThread()
    for with_seal in (None, seal):
        log = make_log(JsonlStore(tmp_path, disk, failed=lambda error: pytest.fail(error.message), seal=with_seal))
        fill(log)
        log.close()
    disk.close()
    assert len(list(read_jsonl(tmp_path, seal))) == 6


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    disk = DiskThread()
    log = make_log(JsonlStore(tmp_path, disk, failed=lambda error: pytest.fail(error.message)))
    fill(log)
    log.close()
    disk.close()
    whole = (tmp_path / EVENTS).read_bytes()
    (tmp_path / EVENTS).write_bytes(whole[:-7])
    assert [e.envelope.seq for e in read_jsonl(tmp_path)] == [0, 1]


def test_a_full_disk_is_told_once_and_what_was_written_stays_readable(tmp_path: Path) -> None:
    told: list[StorageError] = []
    disk = DiskThread()
    store = JsonlStore(tmp_path, disk, failed=told.append)
    log = make_log(store)
    log.append(TurnCommitted(1, "before", 0.0, 900.0))
    assert disk.flush()
    with open("/dev/full", "wb") as full:
        store._payloads = full.fileno()  # every write fails with ENOSPC, as on a full disk
        fill(log)
        assert disk.flush()
        assert len(told) == 1
        assert "No space left" in told[0].message
    assert [e.envelope.seq for e in read_jsonl(tmp_path)] == [0]
    disk.submit(lambda: None)
    disk.close()


def test_what_comes_after_the_end_goes_nowhere(tmp_path: Path) -> None:
    told: list[StorageError] = []
    disk = DiskThread()
    log = make_log(JsonlStore(tmp_path, disk, failed=told.append))
    fill(log)
    log.close()
    assert disk.flush()
    # These have the numbers that the log's files had.
    others = [(tmp_path / f"other{number}").open("wb") for number in range(8)]
    fill(log)
    log.sync()
    log.close()
    assert disk.flush()
    assert [other.seek(0, os.SEEK_END) for other in others] == [0] * 8
    for other in others:
        other.close()
    disk.close()
    assert told == []
    assert [e.envelope.seq for e in read_jsonl(tmp_path)] == [0, 1, 2]


def test_a_folder_that_is_not_there_is_a_storage_error(tmp_path: Path) -> None:
    disk = DiskThread()
    with pytest.raises(StorageError):
        JsonlStore(tmp_path / "nowhere", disk, failed=lambda _error: None)
    with pytest.raises(StorageError, match="no session log"):
        list(read_jsonl(tmp_path / "nowhere"))
    disk.close()


@pytest.mark.parametrize("kind", EVENT_TYPES.values(), ids=list(EVENT_TYPES))
def test_every_event_type_has_an_audience_of_its_own_and_a_docstring(kind: type[Event]) -> None:
    assert "audience" in vars(kind) or kind.audience is not Event.audience
    assert kind.__doc__
    assert json.dumps(kind.type_name())
