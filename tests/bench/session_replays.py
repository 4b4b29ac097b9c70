"""How like itself a stored role-play is when it is replayed: `python -m tests.bench.session_replays [AUDIO...]`.

    python -m tests.bench.session_replays --count 10 --set models.path=FOLDER [--json FILE]

Makes so many role-plays from the recordings, each with a seed of its own, on the engines of the settings, in virtual
time. Then it replays each as `interlocutor sessions replay` does, with the same settings, and the first `--changed` of
them once more with one setting changed, which the comparison must name, and nothing else. Ends with status 1 where text
or cues differ though nothing changed, or a change is not named.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.report_figures import Figure, print_figures, write_figures
from bench.stored_session import SessionComparison, load_session, replay_session
from pipelines.patient.card_library import CardLibrary
from server.measures import percentile
from server.settings.tree import Settings, load_settings
from tests.bench.stored_sessions import store_session

DATA = Path(__file__).resolve().parents[1] / "data"
USUAL = tuple(
    DATA / f"{name}.flac"
    for name in (
        "consultation-medicine",
        "consultation-pharmacy",
        "consultation-veterinary",
        "explanation-40s",
        "thinking-pause",
    )
)
CHANGED = "conversation.fixed_wait_ms"
WAIT_MS = 1_500


def replays(
    folder: Path,
    audio: list[Path],
    count: int,
    settings: Settings,
    changed: Sequence[Settings],
    *,
    measured: bool,
) -> tuple[list[SessionComparison], list[SessionComparison]]:
    """Make and replay role-plays; return the comparisons with nothing changed, and with one setting changed.

    `changed` are the settings with that change, for as many of the first role-plays.
    """
    cards = CardLibrary.load(settings.cards_folder)
    same, other = [], []
    for number, path in enumerate(itertools.islice(itertools.cycle(audio), count), start=1):
        place = folder / f"{number:02}-{path.stem}"
        store_session(place, path, settings, cards, seed=number)
        stored = load_session(place, None)
        same.append(replay_session(stored, settings, cards, measured=measured))
        now = [replay_session(stored, each, cards, measured=measured) for each in changed[number - 1 : number]]
        other += now
        _show(place.name, same[-1], now)
    return same, other


def _show(name: str, same: SessionComparison, other: Sequence[SessionComparison]) -> None:
    text, cues = ("same" if each else "DIFFERENT" for each in (same.same_text, same.same_cues))
    named = "".join(f"; with a change it names: {', '.join(what for what, _, _ in one.changed)}" for one in other)
    sys.stdout.write(
        f"{name}: {len(same.before.turns)} turns, {len(same.before.cues)} cues; text {text}, cues {cues}, "
        f"times {max(same.moved_ms, default=0.0):.0f} ms apart at most{named}\n"
    )
    for before, now in same.differing:
        sys.stdout.write(f"    then: {before}\n    now:  {now}\n")
    sys.stdout.flush()


def figures_of(same: list[SessionComparison], other: list[SessionComparison]) -> list[Figure]:
    """Return the figures."""
    moved = [each for one in same for each in one.moved_ms]
    named = [[what for what, _, _ in one.changed] == [CHANGED] for one in other]
    turns = sum(len(one.before.turns) for one in same)
    return [
        Figure("role_plays", float(len(same)), "role-plays", n=len(same)),
        Figure("same_text", float(sum(one.same_text for one in same)), "role-plays", n=len(same)),
        Figure("same_cues", float(sum(one.same_cues for one in same)), "role-plays", n=len(same)),
        Figure("same_times", float(sum(one.same_times for one in same)), "role-plays", n=len(same)),
        Figure("moved_p95", round(percentile(moved, 0.95) or 0.0, 1), "ms", n=turns),
        Figure("changed_setting_named", float(sum(named)), "role-plays", n=len(other)),
    ]


def main() -> None:
    """Make and replay role-plays, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("audio", type=Path, nargs="*", default=list(USUAL))
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--measured", action="store_true", help="count what engines take, as on a free machine")
    parser.add_argument("--changed", type=int, default=1)
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    settings = load_settings(overrides=asked.overrides)
    changed = load_settings(overrides=(*asked.overrides, f"{CHANGED}={WAIT_MS}"))
    with tempfile.TemporaryDirectory() as folder:
        same, other = replays(
            Path(folder), asked.audio, asked.count, settings, [changed] * asked.changed, measured=asked.measured
        )
    figures = figures_of(same, other)
    print_figures("Stored role-plays, replayed", figures)
    if asked.json is not None:
        write_figures(asked.json, figures)
    told = {figure.name: figure.value or 0.0 for figure in figures}
    if min(told["same_text"], told["same_cues"]) < asked.count or told["changed_setting_named"] < len(other):
        sys.exit(1)


if __name__ == "__main__":
    main()
