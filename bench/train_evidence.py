"""Trains the endpointing's table of evidence on recordings with truth files: `python -m bench.train_evidence FOLDER`.

The recordings are those that `python -m bench.second_language` makes. The table that is shipped is fitted to all of
them; what it is worth on speakers it has not heard is what `interlocutor eval pauses --folds 5` tells.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from audio.recording_files import find_recordings, names_of
from bench.pauses_plan import plan_pauses
from bench.seen_pauses import observe, train
from pipelines.endpointing.evidence_table import SHIPPED_TABLE
from pipelines.patient.card_library import CardLibrary
from server.logs import quiet_logs
from server.settings.tree import load_settings


def main(arguments: Sequence[str]) -> None:
    """Train on a folder, with the settings of the server, and write the table that is shipped."""
    if len(arguments) != 1:
        raise SystemExit("usage: python -m bench.train_evidence FOLDER")
    quiet_logs()
    settings = load_settings()
    paths = find_recordings([Path(arguments[0])])
    plans = [plan_pauses(path, name) for path, name in zip(paths, names_of(paths), strict=True)]
    pauses = observe(plans, settings=settings, cards=CardLibrary.load(settings.cards_folder))
    source = {"data": "speechocean762, CC BY 4.0", "speakers": len(plans)}
    table = train(pauses, settings.conversation.endpointing, source)
    content = {
        "source": table.source,
        "rows": {name: asdict(row) for name, row in table.rows.items()},
        "hidden": table.hidden,
    }
    SHIPPED_TABLE.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{SHIPPED_TABLE.name}: {content['rows']}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
