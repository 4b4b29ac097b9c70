"""What a call costs in a real browser: the latency page runs a recording over WebSocket and WebRTC in turn.

`python -m tests.bench.browser`. Voice to voice is measured in the page, from the last voiced sample that its audio
thread made to the first audible one that it was given. The server's log, on the same machine's clock, splits it: the
way in (capture, network, the server's jitter buffer), the server's own time, the way out (pacing, network, the
browser's jitter buffer, and what it keeps between that and the page's audio thread).
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright
from rich.progress import track

from bench.report_figures import Figure, print_figures, write_figures
from server.measures import percentile
from tests.app.process import ServerProcess, faults_of, running
from tests.browser.chromium import launched, visiting

RECORDING = "consultation-pharmacy.flac"
TRANSPORTS = ("WebSocket", "WebRTC")
RUN_TIMEOUT_MS = 300_000
# Every message of the audio thread that tells a moment, with what the context's clock is on the machine's: the least
# difference seen is the truest, since the page's own thread may look late.
LISTEN = """
globalThis.moments = [];
globalThis.epochs = new Map();
const Node = globalThis.AudioWorkletNode;
globalThis.AudioWorkletNode = class extends Node {
  constructor(context, ...rest) {
    super(context, ...rest);
    this.port.addEventListener("message", ({ data }) => {
      const now_ms = performance.timeOrigin + performance.now();
      const offset_ms = now_ms - 1000 * context.currentTime;
      epochs.set(context, Math.min(epochs.get(context) ?? Infinity, offset_ms));
      if (data.kind === "began" || data.on) moments.push({ ...data, context });
    });
  }
};
globalThis.momentsAsEpochs = () => moments.map(({ context, kind, index, at_ms }) =>
  ({ kind: kind ?? "heard", index, at_ms: at_ms + epochs.get(context) }));
"""


@dataclass(frozen=True, slots=True)
class Split:
    """Where one turn's voice to voice went, in milliseconds; `buffer_ms` of `out_ms` is the browser's jitter buffer."""

    voice_to_voice_ms: float
    in_ms: float
    server_ms: float
    out_ms: float
    buffer_ms: float | None


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the recording over both transports, in turn, and print where the time goes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recording", default=RECORDING, help="one of the latency page's fixtures (%(default)s)")
    parser.add_argument("--repeats", type=int, default=2, help="of each transport (%(default)s)")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=VALUE", help="a setting of the server")
    parser.add_argument("--json", type=Path, help="write machine and figures to this file")
    given = parser.parse_args(arguments)
    found: dict[str, list[Split]] = {transport: [] for transport in TRANSPORTS}
    settings = given.set or ["engines.backend=mock"]
    with tempfile.TemporaryDirectory() as data, running(Path(data), *settings) as server:
        with sync_playwright() as driver, launched(driver, None) as browser:
            for transport in track(TRANSPORTS * given.repeats, "runs", transient=True):
                found[transport] += run(browser, server, given.recording, transport)
        assert faults_of(server) == []
    figures = [figure for transport, splits in found.items() for figure in figures_of(transport, splits, found)]
    print_figures(f"{given.recording} in Chromium", figures)
    if given.json is not None:
        write_figures(given.json, figures)


def run(browser: Browser, server: ServerProcess, recording: str, transport: str) -> list[Split]:
    """Return the split of every turn of one run of the latency page."""
    before = set(server.data.glob("sessions/*"))
    with visiting(browser, server.url) as page:
        page.add_init_script(LISTEN)
        page.goto(server.lab_url)
        page.get_by_role("checkbox", name=re.compile(f"^{re.escape(recording)}")).check()
        page.get_by_label("Transport").select_option(transport)
        page.get_by_label("Name of the run").fill("bench")
        page.get_by_role("button", name="Run", exact=True).click()
        turns = page.get_by_role("region", name="Turns of bench", exact=True)
        expect(turns).to_be_visible(timeout=RUN_TIMEOUT_MS)
        report = exported(page)
        moments = page.evaluate("() => momentsAsEpochs()")
    (folder,) = set(server.data.glob("sessions/*")) - before
    return [split for split in splits_of(report, moments, stored(folder)) if split is not None]


def exported(page: Page) -> dict[str, Any]:
    """Return the run's report as the page exports it."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Export bench").click()
    report: dict[str, Any] = json.loads(Path(download.value.path()).read_text())
    return report


def stored(folder: Path) -> list[dict[str, Any]]:
    """Return the envelopes of a session's log."""
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def splits_of(report: dict[str, Any], moments: list[dict[str, Any]], log: list[dict[str, Any]]) -> list[Split | None]:
    """Return where each turn's time went; None for a turn that was not answered once."""
    started = next(entry for entry in log if entry["type"] == "session_started")
    zero_ms = datetime.fromisoformat(started["wall"]).timestamp() * 1000.0 - started["session_ms"]
    begins = [moment["at_ms"] for moment in moments if moment["kind"] == "began"]
    heard = [moment["at_ms"] for moment in moments if moment["kind"] == "heard"]
    committed = [entry for entry in log if entry["type"] == "turn_committed"]
    found: list[Split | None] = []
    for index, turn in enumerate(report["turns"]):
        whole, parts = turn["voice_to_voice_ms"], turn["parts"]
        if whole is None or parts is None or len(committed) != len(report["turns"]):
            found.append(None)
            continue
        onset_ms = next(at_ms for at_ms in heard if at_ms > begins[index] + 1.0)
        voiced_end_ms = onset_ms - whole
        commit_ms = zero_ms + committed[index]["session_ms"]
        # The server decided `endpoint` after the last voiced sample had come to it.
        in_ms = commit_ms - parts["endpoint"] - voiced_end_ms
        server_ms = parts["endpoint"] + parts["recognise"] + parts["respond"] + parts["speak"]
        buffer_ms = turn["network"]["buffer_ms"] if turn["network"] else None
        found.append(Split(whole, in_ms, server_ms, whole - in_ms - server_ms, buffer_ms))
    return found


def figures_of(transport: str, splits: list[Split], all_: dict[str, list[Split]]) -> list[Figure]:
    """Return one transport's figures, the WebSocket's beside them as the baseline."""
    name, count = transport.lower(), len(splits)
    whole = [split.voice_to_voice_ms for split in splits]
    base = all_[TRANSPORTS[0]]
    figures = [Figure(f"{name}_turns", float(count), "")]
    for q in (0.5, 0.95):
        baseline = percentile([split.voice_to_voice_ms for split in base], q)
        figures.append(
            Figure(f"{name}_voice_to_voice_p{q * 100:.0f}_ms", percentile(whole, q), "ms", baseline, n=count)
        )
    for field, note in (
        ("in_ms", "the last voiced sample's way to the session"),
        ("server_ms", "until sound is handed over"),
        ("out_ms", "until it is heard"),
    ):
        values, theirs = ([getattr(split, field) for split in each] for each in (splits, base))
        figures.append(
            Figure(
                f"{name}_{field[:-3]}_p50_ms",
                round(median(values), 1),
                "ms",
                round(median(theirs), 1),
                n=count,
                note=note,
            )
        )
    buffers = [split.buffer_ms for split in splits if split.buffer_ms is not None]
    if buffers:
        figures.append(
            Figure(
                f"{name}_buffer_p50_ms",
                round(median(buffers), 1),
                "ms",
                n=len(buffers),
                note="of the way out, by the browser's own count",
            )
        )
    return figures


if __name__ == "__main__":
    main()
