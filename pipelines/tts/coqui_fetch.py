"""Downloads a model of the package coqui-tts: `python coqui_fetch.py NAME [--accept-licence]`, run in an environment
that has it. `scripts/setup-coqui` runs it, the server never does.

A model whose licence must be agreed to is downloaded when the operator agrees; that they did lies beside it as the
package keeps it (`tos_agreed.txt`), and the server speaks with no XTTS without that. NAME may also be the folder of
an XTTS that is here: then nothing but the question is asked. It imports nothing of ours but the worker beside it.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

AGREED = "tos_agreed.txt"
"""What lies beside a model whose licence the operator has agreed to."""

# In the package's own words, as it would write them.
_AGREEMENT = "I have read, understood and agreed to the Terms and Conditions."
_XTTS_LICENCE = "CPML"
_MEANS = {
    "cpml": "The Coqui Public Model License lets you use the model and what it speaks for purposes that earn no money,"
    " and for no others."
}


def main() -> None:
    """Do what the command line says; ends with status 1 and a line that says why when it can't."""
    parser = argparse.ArgumentParser(description="Download a model of coqui-tts, its vocoder too.")
    parser.add_argument("name", help="such as tts_models/en/ljspeech/tacotron2-DDC, or the folder of an XTTS")
    parser.add_argument("--accept-licence", action="store_true", help="you have read the licence and agree to it")
    told = parser.parse_args()
    _worker().stand_in_for_recordings()
    package: Any = importlib.import_module("TTS.utils.manage")
    if Path(told.name).is_dir():
        agree(Path(told.name), _XTTS_LICENCE, package.LICENSE_URLS, accepted=told.accept_licence)
        return
    manager = package.ModelManager(progress_bar=True)
    known: Any = manager.models_dict
    for part in told.name.split("/"):
        known = known.get(part) if isinstance(known, dict) else None
    if not isinstance(known, dict):
        raise SystemExit(f"coqui-tts knows no model {told.name}")
    folder = Path(manager.output_prefix) / told.name.replace("/", "--")
    licence = str(known.get("license") or "not stated")
    if known.get("tos_required"):
        agree(folder, licence, package.LICENSE_URLS, accepted=told.accept_licence)
    else:
        sys.stdout.write(f"The licence of {told.name}: {licence} {package.LICENSE_URLS.get(licence.lower(), '')}\n")
    found, _, _ = manager.download_model(told.name)
    link(Path(found), folder)
    if vocoder := known.get("default_vocoder"):
        manager.download_model(vocoder)


def agree(folder: Path, licence: str, links: dict[str, str], *, accepted: bool) -> None:
    """Keep beside the model that its licence is agreed to, after asking; raises SystemExit when it is not."""
    if (folder / AGREED).is_file():
        return
    sys.stdout.write(f"{folder.name} is under the licence {licence}. {_MEANS.get(licence.lower(), '')}\n")
    sys.stdout.write(f"Read it: {links.get(licence.lower(), 'the package gives no address')}\n")
    if not accepted:
        sys.stdout.write("Do you agree to it? [y/N] ")
        sys.stdout.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise SystemExit("Not agreed, so nothing was done. To agree, run it again, or give --accept-licence.")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / AGREED).write_text(_AGREEMENT, encoding="utf-8")


def link(found: Path, folder: Path) -> None:
    """Have the files of a model in its folder too where the package keeps them elsewhere, as it does those of a hub."""
    source = found if found.is_dir() else found.parent
    if source.resolve() == folder.resolve():
        return
    for file in source.iterdir():
        target = folder / file.name
        target.unlink(missing_ok=True)
        target.symlink_to(file.resolve())


def _worker() -> Any:
    return importlib.import_module("coqui_worker")


if __name__ == "__main__":
    main()
