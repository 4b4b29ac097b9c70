"""Calls over bad networks: what is lost, what is understood, when it is answered, and whether time stays true.

`python -m tests.bench.calls`, about six minutes; scripts/nightly runs it. `--whisper` has the proof model of
tests/models understand instead of the embedded recogniser.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.replay.plan import plan_replay
from bench.report_figures import Figure, print_figures, write_figures
from pipelines.engine_settings import EngineSettings
from server.measures import percentile
from tests.app.process import faults_of, running
from tests.app.wire import DATA
from tests.models.proof_settings import proof_settings
from tests.rtc.consultation import Consultation, consult
from tests.rtc.loss import Loss, measure

SHARES = (0.0, 0.01, 0.05, 0.2)
RECORDING = DATA / "consultation-pharmacy.flac"
BACK_WITHIN_MS = 1_000.0
TRUE_WITHIN_MS = 40.0  # of the recording's length
DRIFT_WITHIN_MS = 60.0


def main() -> None:
    """Hold calls at each share of loss, all at once and then with a consultation, and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the calls without talk; 0 leaves them out")
    parser.add_argument("--no-talk", action="store_true", help="leave the consultations out")
    parser.add_argument("--whisper", action="store_true", help="understand by the proof model")
    parser.add_argument("--recording", type=Path, default=RECORDING, help="with a truth file that names a card")
    parser.add_argument("--shares", type=float, nargs="+", default=SHARES, help="of the packets that are lost")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    arguments = parser.parse_args()
    figures, faults = [], []
    if arguments.seconds > 0:
        figures += [figure for one in all_at_once(arguments.seconds) for figure in figures_of(one)]
        print_figures("calls over bad networks", figures)
    if not arguments.no_talk:
        consultations = hold(arguments.recording, arguments.shares, whisper=arguments.whisper)
        print_table(consultations)
        figures += [figure for one in consultations for figure in talk_figures_of(one, consultations[0])]
        faults = [fault for one in consultations for fault in faults_in(one)]
    if arguments.json is not None:
        write_figures(arguments.json, figures)
    if faults:
        sys.exit("\n".join(faults))


def all_at_once(duration_s: float) -> list[Loss]:
    """Hold a call at each share of loss, all at once, without talk; raises AssertionError where more was lost."""

    async def calls() -> list[Loss]:
        return await asyncio.gather(*(measure(server, share, duration_s) for share in SHARES))

    with tempfile.TemporaryDirectory() as data, running(Path(data), "engines.backend=mock") as server:
        found = asyncio.run(calls())
    assert faults_of(server) == []
    return found


def hold(recording: Path, shares: Sequence[float], *, whisper: bool) -> list[Consultation]:
    """Hold a consultation at each share, one after the other."""
    plan = plan_replay([recording])
    (card,) = plan.cards
    engines = EngineSettings(backend="embedded", recogniser_workers=1)
    if whisper:
        engines = engines.model_copy(update={"recogniser": "whisper", "whisper": proof_settings()})
    found = []
    for share in shares:
        with tempfile.TemporaryDirectory() as data:
            one = asyncio.run(consult(Path(data), plan, card, share, engines))
        found.append(one)
    return found


def faults_in(one: Consultation) -> list[str]:
    """Return what is not as it should be; on a machine that stands still now and then, neither is its time."""
    returned_ms, longer_ms = max(one.returns_ms, default=0.0), one.recorded_ms - one.lasted_ms
    found = {
        f"{one.missed} packets were missed where {one.lost} were lost": abs(one.missed - one.lost)
        > max(3, 0.01 * one.sent),
        f"the delay was back only after {returned_ms:.0f} ms": returned_ms >= BACK_WITHIN_MS,
        f"the recording is {longer_ms:.0f} ms longer than the session": abs(longer_ms) > TRUE_WITHIN_MS,
        f"turns lie {one.drift_ms:.0f} ms apart from where they were said": one.drift_ms > DRIFT_WITHIN_MS,
    }
    return [f"{100 * one.loss:g} %: {what}" for what, so in found.items() if so]


def print_table(consultations: Sequence[Consultation]) -> None:
    """Print one column for each share of loss."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="a consultation over bad networks", title_justify="left")
    table.add_column("packets lost")
    for one in consultations:
        table.add_column(f"{100 * one.loss:g} %", justify="right")
    rows = [talk_figures_of(one, consultations[0]) for one in consultations]
    for figures in zip(*rows, strict=True):
        name = figures[0].name.split("_percent_", 1)[1].replace("_", " ")
        unit = f", {figures[0].unit}" if figures[0].unit else ""
        table.add_row(name + unit, *("-" if f.value is None else f"{f.value:,.1f}".removesuffix(".0") for f in figures))
    Console(width=120).print(table)
    for one in consultations:
        for said, heard in zip(one.planned, one.heard, strict=True):
            print(f"{100 * one.loss:3g} %  {said}\n       {heard}")  # noqa: T201 - what a person compares


def talk_figures_of(one: Consultation, plain: Consultation) -> list[Figure]:
    """Return one consultation's figures; `plain` is the one without loss."""
    name = f"loss_{one.loss * 100:g}_percent"
    turns = len(one.heard)

    def figure(what: str, value: float | None, unit: str = "ms", n: int = turns) -> Figure:
        return Figure(f"{name}_{what}", None if value is None else round(value, 1), unit, n=n)

    return [
        figure("packets_lost", one.lost, "", one.sent),
        figure("packets_missed", one.missed, "", one.sent),
        figure("turns_understood", one.understood, ""),
        figure("words_wrong", 100 * one.wrong(one.planned), "%"),
        figure("words_unlike_without_loss", 100 * one.wrong(plain.heard), "%"),
        figure("voice_to_voice_p50", one.time_ms(0.5)),
        figure("voice_to_voice_p95", one.time_ms(0.95)),
        figure("way_to_the_session_p50", percentile(one.delays_ms, 0.5), n=len(one.delays_ms)),
        figure("way_to_the_session_p95", percentile(one.delays_ms, 0.95), n=len(one.delays_ms)),
        figure("way_to_the_session_longest", max(one.delays_ms), n=len(one.delays_ms)),
        figure("delay_back_after_loss_p50", percentile(one.returns_ms, 0.5), n=len(one.returns_ms)),
        figure("delay_back_after_loss_longest", max(one.returns_ms, default=None), n=len(one.returns_ms)),
        figure("recording_longer_than_session", one.recorded_ms - one.lasted_ms, n=1),
        figure("silence_put_in_for_sound_that_came", one.put_in_ms, n=1),
        figure("turns_in_recording_apart_by", one.drift_ms),
    ]


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
