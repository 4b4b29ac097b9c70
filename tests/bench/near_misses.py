"""What the patient tells who asks for something near: `python -m tests.bench.near_misses [--set A.B=VALUE]`.

The questions of tests/data/near_misses.yaml: 480 that nothing on the card answers, 600 that an item answers.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import cast

import yaml

from bench.report_figures import Figure, print_figures, write_figures
from pipelines.engine_choices import choose_engines
from pipelines.engines import HistoryItem, Interpreter, InterpretRequest, RespondKind
from pipelines.intent.exemplars import denials
from pipelines.patient.card import Card
from pipelines.patient.card_library import CardLibrary
from pipelines.patient.disclosure import Disclosure, Moment
from server.paths import ROOT
from server.settings.tree import load_settings

QUESTIONS = ROOT / "tests" / "data" / "near_misses.yaml"
NOTHING = "unknown-question"


def told(interpreter: Interpreter, card: Card, text: str) -> str:
    """Return the cue or the fact that a question draws as the first turn behind a greeting, or ""."""
    history = (HistoryItem("patient", card.lines.greeting[0]),)
    heard = interpreter.interpret(InterpretRequest(card, text, (), history))
    release = Disclosure(card, denials=denials)(Moment(RespondKind.REPLY, 1, text, heard, history))
    return release.cue or release.fact or ""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", action="append", default=[], metavar="A.B=VALUE", help="a setting")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    given = parser.parse_args()
    settings = load_settings(overrides=given.set)
    interpreter = cast("Interpreter", choose_engines(settings.engines, settings.models).interpreter.factory())
    cards = {card.id: card for card in CardLibrary.load(ROOT / "configs" / "cards").values()}
    rows = yaml.safe_load(QUESTIONS.read_text(encoding="utf-8"))
    drawn = [(row["expect"], told(interpreter, cards[row["card"]], row["text"])) for row in rows]
    none = [item for expected, item in drawn if expected == NOTHING]
    some = [(expected, item) for expected, item in drawn if expected != NOTHING]
    figures = [
        Figure("near_miss_told", sum(map(bool, none)) / len(none), "share", n=len(none)),
        Figure("near_miss_right", sum(item == expected for expected, item in some) / len(some), "share", n=len(some)),
        Figure(
            "near_miss_wrong", sum(item not in ("", expected) for expected, item in some) / len(some), "share",
            n=len(some),
        ),
    ]  # fmt: skip
    print_figures("near misses", figures)
    if given.json is not None:
        write_figures(given.json, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
