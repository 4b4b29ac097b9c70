"""Whether the installed models are what they should be: `python -m bench.promotion.model_digests [FILE]`.

Each is read whole and compared with what was pulled, and with the catalogue of this version where that has a checksum.
FILE gets the digest of each, so that a report says which models were tried.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bench.promotion.gate_run import EXIT_SKIPPED

if TYPE_CHECKING:
    from server.cli.models_place import ModelsHere


def main() -> None:
    """Look at every installed model; exit 1 with a line for each fault, 77 where there is none."""
    from pipelines.models.model_folders import installed_models
    from server.cli.models_place import ModelsHere

    place = ModelsHere.of(None, None)
    names = [name for name, _ in installed_models(place.store.root)]
    digests, faults = {}, []
    for name in names:
        digest, found = examine(place, name)
        digests[name] = digest
        faults += [f"{name}: {fault}" for fault in found]
        typer.echo(f"{name} {digest}")
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(json.dumps(digests, indent=2) + "\n", encoding="utf-8")
    for fault in faults:
        typer.echo(fault)
    if faults:
        raise SystemExit(1)
    if not names:
        typer.echo(f"no model is installed in {place.store.root}")
        raise SystemExit(EXIT_SKIPPED)
    typer.echo(f"{len(names)} models are what was pulled")


def examine(place: ModelsHere, name: str) -> tuple[str, list[str]]:
    """Return a model's digest, over the digests of its files, and what is wrong with it."""
    from pipelines.models.model_digest import digest_over, file_digests
    from pipelines.models.model_store import Provenance, checksum_faults
    from pipelines.models.verify import verify_folder

    folder, kind, entry = place.resolve(name)
    faults = [fault.message for fault in verify_folder(folder, kind)]
    provenance = Provenance.read(folder)
    if provenance is None:
        faults.append("nobody knows what it should be, as it was not pulled")
    else:
        faults += [fault.message for fault in checksum_faults(folder, provenance)]
    digests = file_digests(folder)
    known = {file.path: file.sha256 for file in entry.files} if entry is not None else {}
    for path, wanted in known.items():
        # What was made from a file that was pulled has another name; what is missing was told of above.
        if wanted is not None and digests.get(path, wanted) != wanted:
            faults.append(f"{path} is not the file of the catalogue (sha256 differs)")
    return digest_over(digests), faults


if __name__ == "__main__":
    main()
