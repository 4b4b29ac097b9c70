"""All parts that others made: packages of the lock files, models, native libraries, files that are kept here.

`python -m tests.supply.parts` prints those that serve as JSON, for scripts/sbom.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from pipelines.models.catalogue import Catalogue, CatalogueEntry
from tests.bench.dockerfile import parse

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements"
LICENCES = REQUIREMENTS / "licences.yaml"
CATALOGUE = ROOT / "configs" / "models.yaml"
VENDOR = ROOT / "static" / "vendor"


@dataclass(frozen=True, slots=True)
class Locked:
    """One version of a Python package in a lock file, with the sha256 of each of its files."""

    name: str
    version: str
    lock: str
    sha256: tuple[str, ...]


def locks() -> list[str]:
    """Return the names of the lock files without `.lock`, those that serve first."""
    names = sorted(path.stem for path in REQUIREMENTS.glob("*.lock"))
    first = ["base", "gpu"]
    return first + [name for name in names if name not in first]


def locked(lock: str | Path) -> list[Locked]:
    """Return what a lock file pins, by its path or its name; a package may have a version for each kind of machine."""
    path = REQUIREMENTS / f"{lock}.lock" if isinstance(lock, str) else lock
    found, entry = [], ""
    for line in [*path.read_text(encoding="utf-8").splitlines(), ""]:
        if line.startswith(" "):
            entry += line
            continue
        if pinned := re.match(r"([\w.-]+)==([^\s;\\]+)", entry):
            digests = tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", entry))
            found.append(Locked(pinned[1], pinned[2], path.stem, digests))
        entry = line
    return found


def declared() -> dict[str, str]:
    """Return the licence that each package declares, by its name (requirements/licences.yaml)."""
    read: dict[str, str] = yaml.safe_load(LICENCES.read_text(encoding="utf-8"))
    return read


def models() -> tuple[CatalogueEntry, ...]:
    """Return the models of the catalogue."""
    return Catalogue.load(CATALOGUE).models


@dataclass(frozen=True, slots=True)
class Native:
    """A part that is no Python package: where NOTICE names it, and its licence with all that is said of it."""

    name: str
    text: str

    @property
    def licence(self) -> str:
        """The licence alone: the first sentence of what is said."""
        return re.split(r"(?<=[\w)])\. ", self.text)[0].rstrip(".")


def natives(section: str) -> list[Native]:
    """Return the parts that a section of NOTICE names."""
    text = (ROOT / "NOTICE").read_text(encoding="utf-8")
    body = re.split(r"\n[A-Z][A-Za-z .]*[A-Z]\n", text.partition(f"\n{section}\n")[2])[0]
    found: list[tuple[str, list[str]]] = []
    for line in body.splitlines():
        if named := re.match(r"(\S.{0,28}?)\s{2,}(\S.*)", line):
            found.append((named[1], [named[2]]))
        elif line.startswith(" " * 20) and found:
            found[-1][1].append(line.strip())
        elif line.strip():
            break
    return [Native(name, " ".join(words)) for name, words in found]


def inside() -> list[Native]:
    """Return the native parts that packages and Debian bring; the models among them are in the catalogue."""
    return [one for one in natives("MODELS AND NATIVE LIBRARIES") if "models pull" not in one.text]


def debian() -> list[str]:
    """Return the packages of Debian that the image installs."""
    stages = parse((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    runs = [one.text for stage in stages for one in stage.all("RUN")]
    named = [found for text in runs for found in re.findall(r"apt-get install ([^&]+)", text)]
    return sorted({word for text in named for word in text.split() if not word.startswith("-")})


def vendored() -> list[dict[str, Any]]:
    """Return each folder of kept files with the sha256 of each file."""
    found = []
    for folder in sorted(path for path in VENDOR.iterdir() if path.is_dir()):
        lines = (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
        files = [{"path": name, "sha256": digest} for digest, _, name in (line.partition("  ") for line in lines)]
        found.append({"name": folder.name, "files": files})
    return found


def model_part(entry: CatalogueEntry, installed: Path | None) -> dict[str, Any] | None:
    """Return what is known of a model: of an installed one what came, else what the catalogue says.

    None if `installed` is a folder of models that lacks it.
    """
    files = [{"path": file.path, "sha256": file.sha256} for file in entry.files if file.sha256]
    revision = next((str(source.revision) for source in entry.sources if hasattr(source, "revision")), "")
    if installed is not None:
        provenance = installed / entry.id / "provenance.json"
        if not provenance.is_file():
            return None
        came = json.loads(provenance.read_text(encoding="utf-8"))
        files = [{"path": file["path"], "sha256": file["sha256"]} for file in came["files"]]
        revision = str(came.get("revision", revision))
    return {"id": entry.id, "kind": entry.kind, "licence": entry.licence, "revision": revision, "files": files}


def serving(lock: str, installed: Path | None) -> dict[str, Any]:
    """Return all parts of what serves.

    `lock` is base or gpu; `installed` is a folder of models, or None for all that there are.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    licence = declared()
    packages = [{**asdict(one), "licence": licence[one.name]} for one in locked(lock)]
    brought = [part for entry in models() if (part := model_part(entry, installed)) is not None]
    inputs = json.dumps([packages, brought, vendored(), debian()], sort_keys=True)
    return {
        "product": {"name": project["name"], "version": project["version"], "licence": project["license"]},
        "packages": packages,
        "models": brought,
        "kept": vendored(),
        "debian": debian(),
        "natives": [{**asdict(one), "licence": one.licence} for one in inside()],
        "digest": hashlib.sha256(inputs.encode()).hexdigest(),
    }


def main() -> None:
    """Print the parts of what serves as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lock", choices=("base", "gpu"), default="base", help="what is installed")
    parser.add_argument("--models", type=Path, help="a folder of models: list those with the digests of what came")
    given = parser.parse_args()
    if given.models is not None and not given.models.is_dir():
        parser.error(f"{given.models} is no folder")
    json.dump(serving(given.lock, given.models), sys.stdout)


if __name__ == "__main__":
    main()
