"""The table of licences is complete, and is what the lock files, the catalogue, the image and NOTICE say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.supply.declared import licence_in
from tests.supply.licences import ASKS_MORE, DEBIAN, PAGE, page
from tests.supply.parts import Locked, debian, declared, inside, locked, locks, models, natives


def rows() -> dict[str, list[str]]:
    """Return the cells of each row of the page's tables by what its first cell names."""
    found: dict[str, list[str]] = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("| ") and not line.startswith(("| ---", "| Package", "| Model", "| Part")):
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            found.setdefault(cells[0].strip("`"), []).extend(cells[1:])
    return found


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run scripts/licences"


@pytest.mark.parametrize("lock", locks())
def test_every_package_of_a_lock_file_has_its_row_and_its_licence(lock: str) -> None:
    pinned = locked(lock)
    text = (Path("requirements") / f"{lock}.lock").read_text()
    assert len(pinned) == len(re.findall(r"^[\w.-]+==", text, flags=re.M)) > 0
    assert all(one.sha256 for one in pinned)
    known = rows()
    for one in pinned:
        assert any(one.version in cell.split(", ") for cell in known[one.name]), one
        assert declared()[one.name] in known[one.name], one


def test_no_licence_is_of_a_package_that_is_not_locked() -> None:
    assert set(declared()) == {one.name for lock in locks() for one in locked(lock)}
    assert all(licence.strip() for licence in declared().values())


def test_every_model_has_its_row_and_its_licence() -> None:
    known = rows()
    for entry in models():
        assert known[entry.id][0].startswith(entry.licence), entry.id


def test_every_package_of_debian_and_every_native_part_has_its_row() -> None:
    assert set(DEBIAN) == set(debian()) <= set(rows())
    named = {one.name for one in (*inside(), *natives("FILES KEPT IN THIS REPOSITORY"))}
    assert {"espeak-ng", "FFmpeg", "uPlot"} <= named <= set(rows())


def test_what_asks_for_more_than_a_notice_stands_at_the_top() -> None:
    top = page().partition("## Python packages")[0]
    for part in (
        "`num2words`: LGPL",
        "espeak-ng: GPL-3.0-or-later",
        "FFmpeg: LGPL",
        "the model `llama-3.2-1b-instruct`",
    ):
        assert f"- {part}" in top, part
    assert "`starlette`" not in top
    assert ASKS_MORE.search("Mozilla Public License 2.0")
    assert not ASKS_MORE.search("BSD-3-Clause AND MIT")


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        ({"license_expression": "MIT", "license": "old words"}, "MIT"),
        ({"license": "BSD 3-Clause\nCopyright ..."}, "BSD 3-Clause"),
        ({"license": "x" * 200, "classifier": ["License :: OSI Approved :: MIT License"]}, "MIT License"),
        ({"classifier": ["License :: OSI Approved", "Topic :: Sound"]}, "none declared in its metadata"),
        ({"license": "UNKNOWN"}, "none declared in its metadata"),
    ],
)
def test_a_licence_is_read_as_it_is_declared(metadata: dict[str, object], licence: str) -> None:
    assert licence_in(metadata) == licence


def test_a_lock_file_is_read_with_all_its_versions(tmp_path: Path) -> None:
    lock = tmp_path / "x.lock"
    lock.write_text(
        f"av==1.0 ; python_full_version < '3.12' \\\n    --hash=sha256:{'a' * 64} \\\n    --hash=sha256:{'b' * 64}\n"
        f"av==2.0 ; python_full_version >= '3.12' \\\n    --hash=sha256:{'c' * 64}\n"
    )
    assert locked(lock) == [
        Locked("av", "1.0", "x", ("a" * 64, "b" * 64)),
        Locked("av", "2.0", "x", ("c" * 64,)),
    ]
