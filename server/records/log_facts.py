"""What a session's log says of itself: how many lines it has, their digest, and what an index wants to know."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from audio.recorder import RECORDING_NAME
from common.errors import StorageError
from common.seal import Seal
from pipelines.events import ConsentGiven, SessionSetup
from pipelines.log.jsonl import EVENTS, PAYLOADS, is_intact, read_jsonl
from pipelines.log.stored_events import event_of


@dataclass(frozen=True, slots=True)
class LogHead:
    """How many lines a log has, and the SHA-256 (hex) of all of them: envelopes alone, which erasing leaves.

    `payloads` is the SHA-256 of what erasing takes; the salts in it keep it from being guessed.
    """

    events: int
    digest: str
    payloads: str


@dataclass(frozen=True, slots=True)
class LogFacts:
    """What a stored log tells; of an erased one the card and the mode are not known any more."""

    head: LogHead
    began_ms: int
    ended_ms: int
    turns: int
    card_id: str | None
    mode: str | None
    consent: ConsentGiven | None
    over: bool


def log_head(folder: Path) -> LogHead | None:
    """Return the head of the log in a folder, None where there is none; a torn last line does not count.

    Raises StorageError.
    """
    try:
        data = (folder / EVENTS).read_bytes()
        payloads = hashlib.sha256((folder / PAYLOADS).read_bytes()).hexdigest()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"the log of {folder.name} can't be read: {error.strerror}; check the disk") from error
    whole = data[: data.rfind(b"\n") + 1]
    return LogHead(whole.count(b"\n"), hashlib.sha256(whole).hexdigest(), payloads)


def log_facts(folder: Path, seal: Seal | None = None) -> LogFacts | None:
    """Return what the log in a folder tells, None where it can't be read as one."""
    head = log_head(folder)
    if head is None or head.events == 0:
        return None
    card_id = mode = consent = None
    turns, over, times = 0, False, []
    try:
        for entry in read_jsonl(folder, seal):
            times.append(_ms(entry.envelope.wall))
            turns += entry.envelope.type == "turn_committed"
            over = over or entry.envelope.type == "session_ended"
            match event_of(entry.envelope.type, entry.payload) if entry.payload is not None else None:
                case SessionSetup() as setup:
                    # In an exam all candidates meet the same patient: its seed is 0 then, and only then.
                    card_id, mode = setup.card_id, "exam" if setup.seed == 0 else "practice"
                case ConsentGiven() as given:
                    consent = given
                case _:
                    pass
    except (ValueError, KeyError, TypeError, StorageError):
        return None
    return LogFacts(head, times[0], times[-1], turns, card_id, mode, consent, over)


def recording_digest(folder: Path) -> str | None:
    """Return the SHA-256 (hex) of the joined recording, None where there is none; raises OSError."""
    try:
        with (folder / RECORDING_NAME).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def payload_faults(folder: Path, seal: Seal | None = None) -> list[str]:
    """Return what is wrong with the payloads of a log, one sentence each; for those that were not erased."""
    try:
        entries = list(read_jsonl(folder, seal))
        changed = [entry.envelope.seq for entry in entries if entry.payload is None or not is_intact(entry)]
    except (ValueError, KeyError, TypeError, StorageError):
        return [f"{folder.name}: its log can't be read as one"]
    return [f"{folder.name}: what event {seq} says was changed" for seq in changed]


def _ms(wall: str) -> int:
    return round(datetime.fromisoformat(wall).timestamp() * 1000)
