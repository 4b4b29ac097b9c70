"""Which of other people's clients hold a spoken turn as they come, and how many errors their programs are told of.

    scripts/nightly-stock-clients
    python -m tests.bench.stock_clients --json report.json

The first brings the clients from the index and from npm; the second has each of them hold a turn, and writes what came
of it by package and version.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TOLD = "INTERLOCUTOR_STOCK_CLIENTS_TOLD"
"""Names the file that each test adds a line to, if it is set."""

WHERE = {
    "INTERLOCUTOR_STOCK_CLIENTS": ROOT / ".cache" / "stock-clients" / "bin" / "python",
    "INTERLOCUTOR_STOCK_CLIENTS_NPM": ROOT / ".cache" / "openai-clients",
    "INTERLOCUTOR_OPENAI_JS": ROOT / ".cache" / "openai-clients" / "bundle.js",
}


def note_turn(client: str, *, turns: int, errors: int) -> None:
    """Add what came of a client's turn to the report that is being made, if one is."""
    if path := os.environ.get(TOLD):
        with Path(path).open("a", encoding="utf-8") as told:
            told.write(json.dumps({"client": client, "turns": turns, "errors": errors}) + "\n")


def measure() -> dict[str, Any]:
    """Have every client hold its turn; return the report. A client that fails has no line, and is told of by pytest."""
    with tempfile.TemporaryDirectory(prefix="interlocutor-clients-") as folder:
        told = Path(folder) / "told.jsonl"
        told.touch()
        known = {name: os.environ.get(name, str(path)) for name, path in WHERE.items()}
        tests = ["tests/stock_clients", "tests/openai_js"]
        # Our own interpreter, and tests of ours.
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
            cwd=ROOT,
            env=os.environ | known | {TOLD: str(told)},
            check=False,
        )
        lines = [json.loads(line) for line in told.read_text(encoding="utf-8").splitlines()]
    clients = {line["client"]: {"turns": line["turns"], "errors": line["errors"]} for line in lines}
    return {"clients": clients, "errors": sum(one["errors"] for one in clients.values())}


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    report = measure()
    print(json.dumps(report, indent=1))  # noqa: T201 - what this program is for
    if given.json:
        given.json.write_text(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
