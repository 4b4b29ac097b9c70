"""A run of the judge: one process at a time, a model that has shown that it can, then session after session."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from server.judging.judge_check import JudgeCheck, check_judge
from server.judging.judge_log import JudgeLog
from server.judging.judge_references import load_judge_references
from server.judging.judge_scores import FOLDER, scores_of, write_scores
from server.judging.patient_judge import PatientJudge
from server.opinions.check_file import CheckFile
from server.opinions.model_alone import model_alone, unanswered
from server.opinions.opinion_models import ModelFailed, ModelWanted
from server.settings.tree import Settings

WHAT = "verdict"
"""What a judge gives, in messages."""


@dataclass(frozen=True, slots=True)
class JudgeRun:
    """What a run has: the judge, and the checks of its model."""

    judge: PatientJudge
    checks: CheckFile[JudgeCheck]
    settings: Settings

    def check(self, *, anew: bool) -> tuple[JudgeCheck, list[str]]:
        """Return how the judge judges the references, and those that it judges otherwise than before.

        It is asked anew if nobody knows yet. Raises EngineError where it gives no answers.
        """
        judge = self.judge
        try:
            return self.checks.checked(judge.model.name, judge.references.digest, lambda: check_judge(judge), anew=anew)
        except ModelFailed as failure:
            raise unanswered(failure, WHAT) from None

    def keep_scores(self) -> None:
        """Bring the scores up to date with the log, for the server to show; raises StorageError."""
        write_scores(self.settings.data_path / FOLDER, scores_of(judge_log(self.settings).lines()))


def judge_log(settings: Settings) -> JudgeLog:
    """Return the log of verdicts."""
    return JudgeLog(settings.data_path / FOLDER / "log.jsonl")


@contextlib.contextmanager
def judge_run(settings: Settings) -> Iterator[JudgeRun | str]:
    """Have the judge that the settings name, or why there is none; raises SettingsError, EngineError, StorageError."""
    references = load_judge_references(settings.judge.references)
    folder = settings.data_path / FOLDER
    wanted = ModelWanted("judge", settings.judge, f"{FOLDER}/spending.json")
    with model_alone(settings, wanted, folder=folder, command="judge") as model:
        if isinstance(model, str):
            yield model
            return
        checks = CheckFile(folder / "checks.jsonl", JudgeCheck)
        yield JudgeRun(PatientJudge(model, references, judge_log(settings)), checks, settings)
