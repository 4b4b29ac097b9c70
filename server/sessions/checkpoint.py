"""Where a session stands, in its folder while it lives: what another server needs to go on after this one was killed.

Of tokens and tickets only the SHA-256 is kept. The log has all that was said; this has what is nowhere else.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from audio.files import replace_file
from common.errors import StorageError
from server.principal import Role
from server.wire.wire_point import WirePoint

LIVE = "live.json"
"""In a session's folder for as long as the session is reserved or running."""


class Checkpoint(BaseModel):
    """One session; `tokens` has the digest and role of each, `at_ms` is the time of day (ms since 1970)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    v: Literal[1] = 1
    at_ms: int
    card: str
    mode: str
    person: str | None
    tokens: tuple[tuple[str, Role], ...]
    consent: dict[str, str] | None
    opened_ms: int = 0
    # None until a client that may come back has joined.
    wire: WirePoint | None = None
    joined: bool = False


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Put a checkpoint in place of the one before, whole after any crash of the server; raises StorageError."""
    replace_file(folder / LIVE, checkpoint.model_dump_json().encode(), durable=False)


def read_checkpoint(folder: Path) -> Checkpoint | None:
    """Return a session's checkpoint, None where there is none or it is not ours; raises StorageError."""
    try:
        return Checkpoint.model_validate_json((folder / LIVE).read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"where {folder.name} stands can't be read: {error.strerror}; check the disk") from error
    except (ValidationError, json.JSONDecodeError):
        return None


def remove_checkpoint(folder: Path) -> None:
    """The session is over: nobody goes on with it."""
    (folder / LIVE).unlink(missing_ok=True)
