"""A file of references that somebody may have written: read, and checked with the place of a fault."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from common.errors import SettingsError

MOST_BYTES = 2_000_000

Dataset = TypeVar("Dataset", bound=BaseModel)


def read_reference_file(kind: type[Dataset], path: Path, *, setting: str) -> Dataset:
    """Return what a JSON file holds; raises SettingsError that names the setting and the place in the file."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{setting}: {path} can't be read ({error.strerror}); correct the path") from None
    if len(raw) > MOST_BYTES:
        raise SettingsError(f"{setting}: {path} has more than {MOST_BYTES:,} bytes; that is no file of references")
    try:
        return kind.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        told = first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{setting}: {path}: {place}: {told}") from None
