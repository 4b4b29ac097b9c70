"""Whether a model may give a second opinion: it marks the reference passages first, of which the marks are known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from server.opinions.check_file import CheckFile
from server.opinions.evaluator import Evaluator, JudgedTalk
from server.opinions.opinion_prompt import NumberedTurn
from server.settings.second_opinion import SecondOpinionSettings


@dataclass(frozen=True, slots=True)
class OpinionCheck:
    """What a model made of the references; `marks` has its mark of each passage, None where it gave none to be used."""

    at: str
    model: str
    references: str
    exact: int
    adjacent: int
    passages: int
    marks: dict[str, int | None]

    def usable(self, settings: SecondOpinionSettings) -> bool:
        """Return whether it agrees with the references as far as the settings ask for."""
        exact, adjacent = self.exact / self.passages, self.adjacent / self.passages
        return exact >= settings.least_exact and adjacent >= settings.least_adjacent

    def moved(self, before: OpinionCheck) -> list[str]:
        """Return the passages that it marks otherwise than before: at temperature 0 another model answers."""
        return [name for name, mark in self.marks.items() if name in before.marks and before.marks[name] != mark]

    def __str__(self) -> str:
        """Say how well it did."""
        return (
            f"{self.exact} of {self.passages} reference passages get their very mark, {self.adjacent} one off at most"
        )


def check_model(evaluator: Evaluator) -> OpinionCheck:
    """Have a model mark all reference passages; raises ModelFailed where it gives no answers at all."""
    marks: dict[str, int | None] = {}
    exact = adjacent = 0
    for criterion, passage in evaluator.references.passages():
        turns = [NumberedTurn(number, line.who, line.text) for number, line in enumerate(passage.said, 1)]
        talk = JudgedTalk(turns, passage=passage.id, wanted=passage.mark)
        mark = marks[passage.id] = evaluator.evaluate(criterion, talk).mark
        if mark is not None:
            exact += mark == passage.mark
            adjacent += abs(mark - passage.mark) <= 1
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return OpinionCheck(at, evaluator.model.name, evaluator.references.digest, exact, adjacent, len(marks), marks)


class OpinionChecks(CheckFile[OpinionCheck]):
    """The checks that were made, in a file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, OpinionCheck)
