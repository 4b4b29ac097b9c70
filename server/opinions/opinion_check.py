"""Whether a model may give a second opinion: it marks the reference passages first, of which the marks are known."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from audio.files import replace_file
from common.errors import storage_error
from server.opinions.evaluator import Evaluator, JudgedTalk
from server.opinions.opinion_prompt import NumberedTurn
from server.settings.second_opinion import SecondOpinionSettings

MOST_KEPT = 1_000


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


class OpinionChecks:
    """The checks that were made, in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._all = self._read()

    def last(self, model: str, references: str) -> OpinionCheck | None:
        """Return a model's last check by these references."""
        mine = [one for one in self._all if (one.model, one.references) == (model, references)]
        return mine[-1] if mine else None

    def add(self, check: OpinionCheck) -> None:
        """Keep a check; raises StorageError."""
        self._all = [*self._all, check][-MOST_KEPT:]
        text = "".join(json.dumps(asdict(one)) + "\n" for one in self._all)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(self._path, text.encode())

    def _read(self) -> list[OpinionCheck]:
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise storage_error(self._path, error) from error
        found = []
        for line in lines:
            try:
                found.append(OpinionCheck(**json.loads(line)))
            except (ValueError, TypeError):
                continue
        return found
