"""Asks a database of known faults after every package that serves; says so plainly where none can be asked.

`python -m tests.supply.scan --audit PIP_AUDIT [--osv-url ADDRESS] [--json FILE]`; scripts/scan-packages does it. The
database is that of OSV, asked by pip-audit. Exit: 0 no fault is known, 1 one is, 3 not scanned.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.supply.parts import REQUIREMENTS, locked

PATIENCE_S = 600
NOT_SCANNED = 3


@dataclass(frozen=True, slots=True)
class Scan:
    """What came of it; `why_not` is empty if all packages were looked up."""

    packages: int
    faults: list[dict[str, str]] = field(default_factory=list)
    why_not: str = ""

    @property
    def status(self) -> int:
        """The exit status."""
        return NOT_SCANNED if self.why_not else int(bool(self.faults))

    def lines(self) -> list[str]:
        """Return what to say."""
        if self.why_not:
            return [f"not scanned, because {self.why_not}"]
        told = [f"{one['package']} {one['version']}: {one['id']}, mended in {one['mended']}" for one in self.faults]
        return [*told, f"{self.packages} packages looked up, {len(self.faults)} faults known"]


class NotScanned(Exception):
    """Why not all packages could be looked up."""


def scan(audit: Path, lock: Path, osv_url: str | None) -> Scan:
    """Look every package of a lock file up."""
    pinned = list(dict.fromkeys((one.name, one.version) for one in locked(lock)))
    try:
        found = [one for lines in _apart(pinned) for one in _looked_up(audit, lines, osv_url)]
    except NotScanned as error:
        return Scan(len(pinned), why_not=str(error))
    if lacking := sorted({name for name, _ in pinned} - {one["name"] for one in found if "skip_reason" not in one}):
        return Scan(len(pinned), why_not=f"the database was not asked after {', '.join(lacking)}")
    faults = [
        {"package": one["name"], "version": one["version"], "id": fault["id"], "mended": _mended(fault["fix_versions"])}
        for one in found
        for fault in one["vulns"]
    ]
    return Scan(len(found), faults)


def _looked_up(audit: Path, pinned: list[tuple[str, str]], osv_url: str | None) -> list[dict[str, Any]]:
    """Return pip-audit's answer for each package; raises NotScanned."""
    words = [str(audit), "--no-deps", "--disable-pip", "-s", "osv", "-f", "json", "--progress-spinner", "off"]
    words += ["--osv-url", osv_url] if osv_url else []
    try:
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.writelines(f"{name}=={version}\n" for name, version in pinned)
            file.flush()
            done = subprocess.run([*words, "-r", file.name], capture_output=True, text=True, timeout=PATIENCE_S)
    except FileNotFoundError as error:
        raise NotScanned(f"{audit} is not there") from error
    except subprocess.TimeoutExpired as error:
        raise NotScanned(f"the database of faults did not answer in {PATIENCE_S} s") from error
    try:
        answers: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError) as error:
        raise NotScanned(_reason(done.stderr)) from error
    return answers


def _apart(pinned: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """Return packages in lists that name none twice: a lock has versions for other systems, which are looked up too."""
    lists: list[dict[str, str]] = []
    for name, version in pinned:
        free = next((each for each in lists if name not in each), None)
        if free is None:
            lists.append({name: version})
        else:
            free[name] = version
    return [list(each.items()) for each in lists]


def _mended(versions: list[str]) -> str:
    return ", ".join(versions) or "no version yet"


def _reason(said: str) -> str:
    if re.search(r"ConnectionError|ConnectTimeout|ReadTimeout|NameResolution|Max retries", said):
        return "the database of faults can't be reached from here"
    last = next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "it said nothing")
    return f"pip-audit failed: {last[:200]}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Scan, tell, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--audit", type=Path, required=True, help="the program pip-audit")
    parser.add_argument("--lock", type=Path, default=REQUIREMENTS / "base.lock")
    parser.add_argument("--osv-url", help="another address of OSV's interface, such as a mirror's")
    parser.add_argument("--json", type=Path, help="write the report there too")
    given = parser.parse_args(arguments)
    found = scan(given.audit, given.lock, given.osv_url)
    sys.stdout.write("\n".join(found.lines()) + "\n")
    if given.json is not None:
        given.json.write_text(json.dumps({**asdict(found), "scanned": not found.why_not}, indent=1) + "\n")
    return found.status


if __name__ == "__main__":
    sys.exit(main())
