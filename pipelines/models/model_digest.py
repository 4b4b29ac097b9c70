"""The digest by which a model is known: over the sha256 of each of its files, whatever its folder is called."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from pipelines.models.model_folders import ModelPlace
from pipelines.models.model_store import PROVENANCE, QUALIFIED, sha256_of

# What is written beside a model, and is none of it.
BESIDE = (PROVENANCE, QUALIFIED)


def file_digests(place: Path) -> dict[str, str]:
    """Return the sha256 of each file of a model by its path; reads every byte, raises OSError.

    `place` is a model's folder, or the file of a voice, whose description lies beside it.
    """
    if place.is_file():
        files, root = sorted(place.parent.glob(f"{place.name}*")), place.parent
    else:
        files, root = sorted(path for path in place.rglob("*") if path.is_file() and path.name not in BESIDE), place
    return {path.relative_to(root).as_posix(): sha256_of(path) for path in files}


def digest_over(files: dict[str, str]) -> str:
    """Return the digest (sha256, hex) over those of the files."""
    told = "".join(f"{digest}  {path}\n" for path, digest in files.items())
    return hashlib.sha256(told.encode()).hexdigest()


def model_digests(places: Mapping[str, ModelPlace], known: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the digest of each model that is there, by its id; those that are known are not read again."""
    found = dict(known or {})
    for name, place in places.items():
        if name in found or not (place.installed or place.folder.is_file()):
            continue
        try:
            found[name] = digest_over(file_digests(place.folder))
        except OSError:
            found[name] = ""  # whatever loads it says what is wrong
    return {name: found[name] for name in places if name in found}
