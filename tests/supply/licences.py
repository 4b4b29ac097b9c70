"""Writes docs/licences.md, the table of the licences of all parts; with `--check` it only says whether it is right.

`python -m tests.supply.licences`. What packages declare is in requirements/licences.yaml (tests/supply/declared.py).
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Sequence

from pipelines.models.sources import ArchiveSource, HubSource, PackageSource
from tests.supply.parts import ROOT, Locked, debian, declared, inside, locked, locks, models, natives

PAGE = ROOT / "docs" / "licences.md"
# Licences that ask for more than that a notice is kept.
ASKS_MORE = re.compile(r"\bA?L?GPL|\bMPL|Mozilla|Llama|Gemma|Research|NVIDIA|[Pp]roprietary|Blizzard|none declared|BY-")
PURPOSE = {
    "base": "Python packages that serve",
    "gpu": "Python packages that serve with a graphics card, beside those above",
}
HEAD = """# Licences

Every part that others made, with the licence that it declares. The product itself is under the Apache License 2.0.
`NOTICE` says what each native part is for, and how to do without those that ask for more. `scripts/licences` makes this
page; a test compares it with the lock files and the catalogue. It is no legal advice: read a licence before you hand
out an image.
"""
DEBIAN = {
    "flite": "BSD-like (Carnegie Mellon University)",
    "libpq5": "PostgreSQL",
    "postgresql-client-15": "PostgreSQL; only pg_dump and pg_restore are in the image",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the page; with --check exit 1 if it is not up to date."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only tell whether the page is up to date")
    if not parser.parse_args(arguments).check:
        PAGE.write_text(page(), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page():
        sys.exit("docs/licences.md is not up to date: run scripts/licences")


def page() -> str:
    """Return the whole page; raises KeyError naming a package without a licence."""
    known = declared()
    by_lock = {lock: locked(lock) for lock in locks()}
    serves = {one.name for one in by_lock["base"]}
    rest = [one for lock in locks()[2:] for one in by_lock[lock]]
    parts = [
        HEAD,
        "## What asks for more than a notice\n",
        _asking(known, [*by_lock["base"], *by_lock["gpu"]]),
        f"## {PURPOSE['base']}\n",
        _packages(by_lock["base"], known),
        f"## {PURPOSE['gpu']}\n",
        _packages([one for one in by_lock["gpu"] if one.name not in serves], known),
        "## Native libraries and what is inside packages\n",
        _table(("Part", "Licence"), ((one.name, one.licence) for one in inside())),
        "## Models\n\nNone is part of the product; `interlocutor models pull` brings them.\n",
        _table(("Model", "Licence", "From"), _models()),
        "## Debian's packages in the image\n\nBeside those of the image of Python that it is based on.\n",
        _table(("Package", "Licence"), ((f"`{name}`", DEBIAN[name]) for name in debian())),
        "## Files kept in this repository\n",
        _table(("Part", "Licence"), ((one.name, one.licence) for one in natives("FILES KEPT IN THIS REPOSITORY"))),
        "## Python packages for building, testing and checking\n\nThey are in no image.\n",
        _packages(rest, known, with_locks=True),
    ]
    return "\n".join(parts)


def _asking(known: dict[str, str], packages: Iterable[Locked]) -> str:
    found = {f"`{one.name}`": known[one.name] for one in packages}
    found |= {one.name: one.licence for one in inside()}
    found |= {f"the model `{entry.id}`": entry.licence for entry in models()}
    lines = [f"- {name}: {licence}" for name, licence in found.items() if ASKS_MORE.search(licence)]
    return "\n".join(lines) + "\n"


def _packages(packages: Iterable[Locked], known: dict[str, str], *, with_locks: bool = False) -> str:
    by_name: dict[str, list[Locked]] = {}
    for one in packages:
        by_name.setdefault(one.name, []).append(one)
    rows = []
    for name, versions in sorted(by_name.items()):
        row = [f"`{name}`", ", ".join(sorted({one.version for one in versions})), known[name]]
        rows.append([*row, ", ".join(sorted({one.lock for one in versions}))] if with_locks else row)
    return _table(("Package", "Version", "Licence", *(("Lock file",) if with_locks else ())), rows)


def _models() -> Iterable[Sequence[str]]:
    for entry in models():
        gated = " (gated)" if entry.gated else ""
        places = []
        for source in entry.sources:
            match source:
                case HubSource():
                    places.append(source.repository)
                case PackageSource():
                    places.append("packages " + ", ".join(wheel.name for wheel in source.wheels))
                case ArchiveSource():
                    places.append("an archive")
        yield f"`{entry.id}`", entry.licence + gated, "; ".join(places)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


if __name__ == "__main__":
    main()
