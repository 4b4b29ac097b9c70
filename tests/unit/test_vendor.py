"""Third-party files of the pages are whole, as they were published, and come with their licence."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from server.paths import ROOT, STATIC

FOLDERS = sorted(path for path in (STATIC / "vendor").iterdir() if path.is_dir())
OURS = {"README.md", "SHA256SUMS"}

by_folder = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


@by_folder
def test_every_file_has_its_checksum_and_it_holds(folder: Path) -> None:
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    known = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    there = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    assert set(known) == set(there) - OURS
    for name, digest in known.items():
        assert hashlib.sha256(there[name].read_bytes()).hexdigest() == digest, name


@by_folder
def test_it_comes_with_its_licence_and_is_in_the_notice(folder: Path) -> None:
    assert any(path.name.startswith("LICENSE") for path in folder.iterdir())
    assert f"static/vendor/{folder.name}" in (ROOT / "NOTICE").read_text()
