"""What a model said of a session, kept in its folder as JSON, sealed if the folder is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from audio.files import replace_file
from common.errors import StorageError, storage_error
from common.seal import Seal
from common.sealed_files import open_file, sealed_bytes

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Kept = TypeVar("Kept")


def read_sealed_answer(
    path: Path, seal: Seal | None, make: Callable[[dict[str, Any]], Kept], *, again: str
) -> Kept | None:
    """Return what `make` makes of the file, None where there is none; raises StorageError.

    `again` says how to have it made again, for who has one that can't be read.
    """
    try:
        with open_file(path, seal) as file:
            return make(json.loads(file.read()))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_error(path, error) from error
    except (ValueError, TypeError, KeyError, IndexError):
        raise StorageError(f"{path} can't be read; {again}", code="storage.damaged", http_status=500) from None


def write_sealed_answer(path: Path, seal: Seal | None, answer: DataclassInstance) -> None:
    """Keep it; raises StorageError."""
    raw = json.dumps(asdict(answer), ensure_ascii=False).encode()
    replace_file(path, raw if seal is None else sealed_bytes(raw, seal, path.name))
