"""Whether a judge is to be believed: it judges the reference replies first, of which it is known what they break."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from server.judging.judge_rules import JUDGE_RULES
from server.judging.patient_judge import JudgedReply, PatientJudge
from server.settings.judge import JudgeSettings


@dataclass(frozen=True, slots=True)
class JudgeCheck:
    """What a judge made of the references.

    `found` has by rule how many of the replies that break it were found, `spared` of how many that keep it it said so;
    `breaking` and `keeping` how many there are. `said` has what it found in each, None where it gave no verdict.
    """

    at: str
    model: str
    digest: str
    references: str
    found: dict[str, int]
    spared: dict[str, int]
    breaking: dict[str, int]
    keeping: dict[str, int]
    said: dict[str, list[str] | None]

    def faults(self, settings: JudgeSettings) -> list[str]:
        """Return by which rules the judge is not to be believed, and why; none: it is usable."""
        told = []
        for name in JUDGE_RULES:
            if self.found[name] < settings.least_found * self.breaking[name]:
                told.append(f"{name}: it finds {self.found[name]} of {self.breaking[name]} replies that break it")
            if self.spared[name] < settings.least_spared * self.keeping[name]:
                told.append(f"{name}: it spares {self.spared[name]} of {self.keeping[name]} replies that keep it")
        return told

    def moved(self, before: JudgeCheck) -> list[str]:
        """Return the references that it judges otherwise than before: at temperature 0 another model answers."""
        return [name for name, broken in self.said.items() if name in before.said and before.said[name] != broken]

    def __str__(self) -> str:
        """Say how well it did."""
        return (
            f"it finds {sum(self.found.values())} of {sum(self.breaking.values())} broken rules in "
            f"{len(self.said)} reference replies, and spares {sum(self.spared.values())} of "
            f"{sum(self.keeping.values())} that are kept"
        )


def check_judge(judge: PatientJudge) -> JudgeCheck:
    """Have a judge judge all references; raises ModelFailed where it gives no answers at all."""
    said: dict[str, list[str] | None] = {}
    found, spared, breaking, keeping = (dict.fromkeys(JUDGE_RULES, 0) for _ in range(4))
    for reply in judge.references.replies:
        of = JudgedReply(reference=reply.id, wanted=tuple(reply.breaks))
        verdict = judge.judge(judge.references.case(reply), of)
        made = verdict.state == "made"
        said[reply.id] = list(verdict.broken) if made else None
        for name in JUDGE_RULES:
            if name in reply.either:
                continue
            if name in reply.breaks:
                breaking[name] += 1
                found[name] += made and name in verdict.broken
            else:
                keeping[name] += 1
                spared[name] += made and name not in verdict.broken
    at = datetime.now(UTC).isoformat(timespec="seconds")
    model, references = judge.model, judge.references.digest
    return JudgeCheck(at, model.name, model.digest, references, found, spared, breaking, keeping, said)
