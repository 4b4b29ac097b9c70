"""Calls over bad networks, a minute each: `python -m tests.bench.calls`; scripts/nightly runs it."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from server.bench.figures import Figure, print_figures
from tests.app.process import faults_of, running
from tests.rtc.loss import Loss, measure

SHARES = (0.0, 0.01, 0.05, 0.2)


def main() -> None:
    """Hold a call at each share of loss, all at once, and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    arguments = parser.parse_args()

    async def all_at_once() -> list[Loss]:
        return await asyncio.gather(*(measure(server, share, arguments.seconds) for share in SHARES))

    with tempfile.TemporaryDirectory() as data, running(Path(data), "engines.backend=mock") as server:
        found = asyncio.run(all_at_once())
    assert faults_of(server) == []
    print_figures("calls over bad networks", [figure for one in found for figure in figures_of(one)])


def figures_of(one: Loss) -> list[Figure]:
    """Return one call's figures."""
    name = f"loss_{one.loss * 100:g}_percent"
    return [
        Figure(f"{name}_packets_lost", float(one.lost), "", n=one.sent, note="by the relay, on the way to the server"),
        Figure(f"{name}_packets_missed", float(one.missed), "", n=one.sent, note="by the server's count"),
        Figure(f"{name}_longest_gap_ms", one.longest_gap_ms, "ms", note="between the patient's packets"),
        Figure(f"{name}_gaps_over_70_ms", float(one.waits), ""),
        Figure(f"{name}_concealed_ms", one.concealed_ms, "ms"),
    ]


if __name__ == "__main__":
    main()
