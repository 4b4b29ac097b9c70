"""What the way to a recogniser that is served costs, and how many sessions one replica holds.

    python -m tests.bench.ray_hop --address http://127.0.0.1:8100/

Reads stretches of a consultation, one after the other. The hop is the time from asking to the answer, less what the
replica says that the reading took. A replica holds so many sessions as `server/capacity.py` would find for a recogniser
with one worker that takes so long.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from audio.files import mono_at, read_recording
from audio.frames import ANALYSIS_HZ
from pipelines.engines import DecodeRequest
from pipelines.stt.served_decoder import ServedDecoder, check_address
from server.capacity import LOAD, READS_PER_S
from server.measures import percentile

RECORDING = Path(__file__).resolve().parents[1] / "data" / "consultation-pharmacy.flac"
SECONDS = (1, 3, 6)


@dataclass(frozen=True, slots=True)
class HopFigures:
    """Milliseconds of the hop and of readings there, and sessions that a replica holds, with and without the hop."""

    readings: int
    hop_p50_ms: float
    hop_p95_ms: float
    read_p50_ms: float
    read_p95_ms: float
    sessions_per_replica: float
    sessions_without_the_hop: float


def measure(address: str, *, rounds: int) -> HopFigures:
    """Ask for so many rounds of readings; raises EngineError."""
    sound = mono_at(read_recording(RECORDING), ANALYSIS_HZ)
    decoder = ServedDecoder(address=check_address(address), timeout_s=60.0)
    decoder.warm()
    hops, reads = [], []
    for number in range(rounds):
        for seconds in SECONDS:
            begin = (number * ANALYSIS_HZ) % (len(sound) - seconds * ANALYSIS_HZ)
            clip = sound[begin : begin + seconds * ANALYSIS_HZ]
            began_s = time.perf_counter()
            decoder.decode([DecodeRequest(clip)])
            trip_ms = (time.perf_counter() - began_s) * 1000.0
            assert decoder.read_ms is not None, "this recogniser does not say what a reading takes"
            hops.append(trip_ms - decoder.read_ms)
            reads.append(decoder.read_ms)
    decoder.close()

    def of(values: list[float], quantile: float) -> float:
        return round(percentile(values, quantile) or 0.0, 2)

    def sessions(read_ms: float) -> float:
        return round(LOAD / (READS_PER_S * read_ms / 1000.0), 1)

    return HopFigures(
        readings=len(hops),
        hop_p50_ms=of(hops, 0.5),
        hop_p95_ms=of(hops, 0.95),
        read_p50_ms=of(reads, 0.5),
        read_p95_ms=of(reads, 0.95),
        sessions_per_replica=sessions(of(reads, 0.5) + of(hops, 0.5)),
        sessions_without_the_hop=sessions(of(reads, 0.5)),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", required=True)
    parser.add_argument("--rounds", type=int, default=100, help="each reads a second, three and six")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    given = parser.parse_args()
    text = json.dumps(asdict(measure(given.address, rounds=given.rounds)), indent=2) + "\n"
    sys.stdout.write(text)
    if given.json is not None:
        given.json.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
