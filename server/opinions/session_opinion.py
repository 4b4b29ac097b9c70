"""The second opinion on a session: made from its log, and kept beside it, sealed by the same key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common.errors import ProtocolError
from common.seal import Seal
from pipelines.events import Audience, ConsentGiven
from pipelines.log.recorded_turns import RecordedTurn, recorded_turns
from pipelines.log.stored_events import StoredLog
from pipelines.patient.card import Card
from pipelines.responders.remote.scrub import Scrubber, words_to_keep
from server.marking.criteria import BY_ID
from server.opinions.evaluator import Evaluation, Evaluator, JudgedTalk
from server.opinions.opinion_models import OpinionModel
from server.opinions.opinion_prompt import NumberedTurn
from server.opinions.sealed_answer import read_sealed_answer, write_sealed_answer
from server.records.folder import OPINION, RecordFolder

LEAST_TURNS = 3
"""Of a candidate who said less there is nothing to mark."""
IN_THE_CONSENT = "second opinion"
"""What the text that a candidate agreed to has to name before their words go to somebody else's model to be judged."""


@dataclass(frozen=True, slots=True)
class SessionOpinion:
    """All evaluations of a session by one model; `places` has the stretch of each turn by its number."""

    made: str
    model: str
    references: str
    evaluations: tuple[Evaluation, ...]
    places: dict[int, tuple[float, float, str]]

    def as_json(self) -> dict[str, Any]:
        """Return it as examiners may read it."""
        return {
            "made": self.made,
            "model": self.model,
            "references": self.references,
            "evaluations": [self._shown(each) for each in self.evaluations],
        }

    def _shown(self, each: Evaluation) -> dict[str, Any]:
        criterion = BY_ID[each.criterion]
        stretches = [self.places[number] for number in each.turns if number in self.places]
        return {
            "criterion": criterion.id,
            "name": criterion.name,
            "most": criterion.most,
            "state": each.state,
            "mark": each.mark,
            "reason": each.reason,
            "evidence": [
                {"from_ms": round(begin), "to_ms": round(end), "text": text} for begin, end, text in stretches
            ],
        }


def assess_session(evaluator: Evaluator, folder: Path, seal: Seal | None, card: Card, *, again: bool) -> SessionOpinion:
    """Have a model judge a session, criterion by criterion, and keep what it says; equal questions are not asked again.

    Raises ProtocolError where there is nothing to judge or it may not be sent, ModelFailed where the model gives no
    answers at all, StorageError.
    """
    record = RecordFolder(folder)
    if record.erased or not record.has_log:
        raise _nothing("nobody joined it, or it was erased")
    entries = list(StoredLog(folder, seal).records(Audience.DEVELOPER))
    consent = next((entry.event for entry in entries if isinstance(entry.event, ConsentGiven)), None)
    if not may_be_sent(evaluator.model, consent):
        raise ProtocolError(
            f"the candidate did not agree to a second opinion by {evaluator.model.provider} "
            f"({evaluator.model.country}); nothing was sent",
            code="opinion.consent",
            http_status=403,
        )
    spoken = recorded_turns(entries)
    if sum(turn.role == "candidate" for turn in spoken) < LEAST_TURNS:
        raise _nothing(f"the candidate has fewer than {LEAST_TURNS} turns")
    before = read_opinion(folder, seal)
    kept = {each.key: each for each in before.evaluations if each.state == "made"} if before is not None else {}
    known = {} if again else kept
    talk = JudgedTalk(
        _numbered(spoken, card, scrub=not evaluator.model.stays_here),
        session=folder.name,
        tasks=card.candidate.tasks,
    )
    # A host that fails takes nothing away that was there.
    asked = [evaluator.evaluate(name, talk, known) for name in evaluator.references.criteria]
    evaluations = tuple(kept.get(each.key, each) if each.state == "failed" else each for each in asked)
    made = SessionOpinion(
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        model=evaluator.model.name,
        references=evaluator.references.version,
        evaluations=evaluations,
        places={number: (turn.from_ms, turn.to_ms, turn.text) for number, turn in enumerate(spoken, 1)},
    )
    write_opinion(folder, seal, made)
    return made


def may_be_sent(model: OpinionModel, consent: ConsentGiven | None, *, named: str = IN_THE_CONSENT) -> bool:
    """Return whether what was said may go to a model: it stays in the house, or the consent has what is `named`."""
    if model.stays_here:
        return True
    return (
        consent is not None
        and (consent.provider, consent.country) == (model.provider, model.country)
        and named in consent.text.lower()
    )


def read_opinion(folder: Path, seal: Seal | None) -> SessionOpinion | None:
    """Return a session's second opinion, None where there is none; raises StorageError."""
    again = f"have it made again: `interlocutor assess {folder.name} --again`"
    return read_sealed_answer(folder / OPINION, seal, _opinion_of, again=again)


def _opinion_of(plain: dict[str, Any]) -> SessionOpinion:
    evaluations = (Evaluation(**each | {"turns": tuple(each["turns"])}) for each in plain["evaluations"])
    places = {int(number): (place[0], place[1], place[2]) for number, place in plain["places"].items()}
    return SessionOpinion(plain["made"], plain["model"], plain["references"], tuple(evaluations), places)


def write_opinion(folder: Path, seal: Seal | None, opinion: SessionOpinion) -> None:
    """Keep a second opinion; raises StorageError."""
    write_sealed_answer(folder / OPINION, seal, opinion)


def _numbered(spoken: Sequence[RecordedTurn], card: Card, *, scrub: bool) -> list[NumberedTurn]:
    """Return the turns with numbers from 1; for another's model without what the rules take for personal data."""
    patient = [turn.text for turn in spoken if turn.role == "patient"]
    cleaned = Scrubber(words_to_keep([card.patient.name, card.setting, *patient]))
    return [
        NumberedTurn(number, turn.role, cleaned(turn.text) if scrub and turn.role == "candidate" else turn.text)
        for number, turn in enumerate(spoken, 1)
    ]


def _nothing(why: str) -> ProtocolError:
    return ProtocolError(f"there is nothing to judge: {why}", code="session.gone", http_status=404)
