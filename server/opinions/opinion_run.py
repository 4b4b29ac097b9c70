"""A run of second opinions: one process at a time, a model that has shown that it can, then session after session."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from server.opinions.evaluator import Evaluator
from server.opinions.model_alone import model_alone, unanswered
from server.opinions.opinion_check import OpinionCheck, OpinionChecks, check_model
from server.opinions.opinion_log import OpinionLog
from server.opinions.opinion_models import ModelFailed, second_opinion
from server.opinions.references import References, load_references
from server.settings.tree import Settings

FOLDER = "opinions"
"""In the data folder: the log of evaluations, the checks of models, and what they have cost today."""


@dataclass(frozen=True, slots=True)
class OpinionRun:
    """What a run has: the evaluator, and the checks of its model."""

    evaluator: Evaluator
    checks: OpinionChecks
    settings: Settings

    def check(self, *, anew: bool) -> tuple[OpinionCheck, list[str]]:
        """Return how the model marks the references, and the passages that it marks otherwise than before.

        It is asked anew if nobody knows yet. Raises EngineError where it gives no answers.
        """
        evaluator = self.evaluator
        try:
            return self.checks.checked(
                evaluator.model.name, evaluator.references.digest, lambda: check_model(evaluator), anew=anew
            )
        except ModelFailed as failure:
            raise unanswered(failure) from None


def log_of(settings: Settings) -> OpinionLog:
    """Return the log of evaluations."""
    return OpinionLog(settings.data_path / FOLDER / "log.jsonl")


@contextlib.contextmanager
def opinion_run(settings: Settings) -> Iterator[OpinionRun | str]:
    """Have the model that the settings name, or why there is none; raises SettingsError, EngineError, StorageError."""
    references: References = load_references(settings.second_opinion.references)
    folder = settings.data_path / FOLDER
    with model_alone(settings, second_opinion(settings), folder=folder, command="assess") as model:
        if isinstance(model, str):
            yield model
            return
        checks = OpinionChecks(folder / "checks.jsonl")
        yield OpinionRun(Evaluator(model, references, log_of(settings)), checks, settings)
