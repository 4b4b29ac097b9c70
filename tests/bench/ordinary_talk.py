"""How often ordinary talk of professionals is taken for danger or distress of the person who speaks.

`python -m tests.bench.ordinary_talk [FOLDER] --set models.path=FOLDER [--json FILE]`

It reads all turns of the files in tests/data that are written for cards, and what the doctors of real consultations
say: the transcripts `*doctor.TextGrid` in FOLDER, such as those of PriMock57 (Papadopoulos Korfiatis et al., 2022).
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import yaml

from bench.consultations import read_utterances
from bench.report_figures import Figure, print_figures, write_figures
from pipelines.engine_choices import choose_engines
from pipelines.engines import HistoryItem, Interpreter, InterpretRequest
from pipelines.patient.card import Card
from pipelines.patient.card_library import CardLibrary
from server.paths import ROOT
from server.settings.tree import load_settings

DATA = ROOT / "tests" / "data"
FILES = ("sentences*.yaml", "off_the_cues*.yaml", "near_misses.yaml")
_MARK = re.compile(r"<[^>]*>")
_BEGUN = (HistoryItem("patient", "Hello there."),)


def written() -> Iterator[str]:
    """Yield the turns of the files of tests/data."""
    for pattern in FILES:
        for file in sorted(DATA.glob(pattern)):
            yield from (row["text"] for row in yaml.safe_load(file.read_text(encoding="utf-8")))


def spoken(folder: Path) -> Iterator[str]:
    """Yield what the doctors say, without the marks of who wrote it down."""
    for file in sorted(folder.rglob("*doctor.TextGrid")):
        texts = (_MARK.sub("", utterance.text).strip() for utterance in read_utterances(file))
        yield from (text for text in texts if re.search(r"\w", text))


def alarms(interpreter: Interpreter, card: Card, name: str, texts: list[str]) -> Figure:
    """Return how many of the texts raise an alarm, and show those."""
    found = [text for text in texts if interpreter.interpret(InterpretRequest(card, text, (), _BEGUN)).distress]
    for text in found:
        print(f"{name}: {text}")  # noqa: T201 - a command
    return Figure(f"taken_for_distress/{name}", len(found), "turns", n=len(texts))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("transcripts", type=Path, nargs="?", help="folder with *doctor.TextGrid")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=VALUE", help="a setting")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    given = parser.parse_args()
    settings = load_settings(overrides=given.set)
    interpreter = cast("Interpreter", choose_engines(settings.engines, settings.models).interpreter.factory())
    card = next(iter(CardLibrary.load(settings.cards_folder).values()))
    figures = [alarms(interpreter, card, "written", list(written()))]
    if given.transcripts is not None:
        figures.append(alarms(interpreter, card, "consultations", list(spoken(given.transcripts))))
    print_figures("ordinary talk", figures)
    if given.json is not None:
        write_figures(given.json, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
