"""Writes requirements/licences.yaml: the licence that each package of the lock files declares.

`python -m tests.supply.declared --pip PIP` asks the package index for those that have no line yet, without installing
them. PIP must be 25 or newer, as the one in .cache/supply is. A line that is there stays, so that it may be corrected.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from tests.supply.parts import LICENCES, declared, locked, locks

HEAD = """# The licence that each package of requirements/*.lock declares, for docs/licences.md and scripts/sbom.
# `scripts/licences` adds a line for a new package, asking the package index; a line that is there stays as it is.
"""
LONGEST = 70


def main() -> None:
    """Add what is missing, take out what is not locked any more; exit 1 if a licence was not found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pip", required=True, help="the pip that asks")
    given = parser.parse_args()
    known = declared() if LICENCES.is_file() else {}
    pinned: dict[str, list[str]] = {}
    for one in (one for lock in locks() for one in locked(lock)):
        pinned.setdefault(one.name, []).append(one.version)
    kept = {name: licence for name, licence in known.items() if name in pinned}
    for name, versions in sorted(pinned.items()):
        if name in kept:
            continue
        # A version for another Python can't be had here; one of them can.
        found = next((told for version in versions if (told := asked(given.pip, name, version))), None)
        sys.stdout.write(f"{name}: {found or 'not found; write the line yourself'}\n")
        if found:
            kept[name] = found
    LICENCES.write_text(HEAD + yaml.safe_dump(kept, allow_unicode=True, width=200), encoding="utf-8")
    sys.exit(0 if set(kept) == set(pinned) else 1)


def asked(pip: str, name: str, version: str) -> str | None:
    """Return the licence that a version of a package declares, None if it can't be had here."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        words = "install --quiet --dry-run --no-deps --ignore-installed --only-binary :all: --report"
        done = subprocess.run([pip, *words.split(), str(report), f"{name}=={version}"], capture_output=True)
        if done.returncode:
            return None
        (item,) = json.loads(report.read_text(encoding="utf-8"))["install"]
        return licence_in(item["metadata"])


def licence_in(metadata: dict[str, Any]) -> str:
    """Return the licence in a package's metadata: its expression, its classifiers, or the first line of its text."""
    if expression := metadata.get("license_expression"):
        return str(expression)
    named = [one.rpartition(" :: ")[2] for one in metadata.get("classifier", ()) if one.startswith("License :: ")]
    named = [one for one in named if one != "OSI Approved"]
    text = re.sub(r"\s+", " ", str(metadata.get("license") or "").strip().partition("\n")[0])
    if text and len(text) <= LONGEST and text.upper() != "UNKNOWN":
        return text
    return "; ".join(named) or "none declared in its metadata"


if __name__ == "__main__":
    main()
