"""The judgement of a session: made from its log, and kept beside it, sealed by the same key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common.errors import ProtocolError
from common.seal import Seal
from pipelines.events import Audience, ConsentGiven, LanguageModelAsked, RemoteMindAsked, ReplyProposed
from pipelines.log.recorded_turns import recorded_turns
from pipelines.log.session_log import LogEntry
from pipelines.log.stored_events import StoredLog
from pipelines.patient.card import Card
from pipelines.responders.remote.scrub import Scrubber, words_to_keep
from server.judging.judge_case import case_of
from server.judging.judge_scores import CARD_WORDS
from server.judging.patient_judge import JudgedReply, PatientJudge, ReplyVerdict
from server.opinions.sealed_answer import read_sealed_answer, write_sealed_answer
from server.opinions.session_opinion import may_be_sent
from server.records.folder import JUDGEMENT, RecordFolder

IN_THE_CONSENT = "checks the patient"
"""What the text that a candidate agreed to has to name before their words go to somebody else's model as context."""


@dataclass(frozen=True, slots=True)
class ReplySpeaker:
    """Who worded a reply: a model's name, and the sha256 of its weights where they are on this machine."""

    name: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class ReplyJudgement:
    """A reply as it was heard, who worded it, and the verdict."""

    reply: int
    speaker: str
    speaker_digest: str
    text: str
    verdict: ReplyVerdict


@dataclass(frozen=True, slots=True)
class SessionJudgement:
    """All verdicts of one judge on a session; `digest` is the sha256 of the judge's weights where they are here."""

    made: str
    judge: str
    digest: str
    references: str
    replies: tuple[ReplyJudgement, ...]


def judge_session(
    judge: PatientJudge, folder: Path, seal: Seal | None, card: Card, *, again: bool, every: bool
) -> SessionJudgement:
    """Have a judge judge what models said in a session (or `every` reply), and keep it; equal questions are asked once.

    Raises ProtocolError where there is nothing to judge or it may not be sent, ModelFailed where the model gives no
    answers at all, StorageError.
    """
    record = RecordFolder(folder)
    if record.erased or not record.has_log:
        raise _nothing("nobody joined it, or it was erased")
    entries = list(StoredLog(folder, seal).records(Audience.DEVELOPER))
    consent = next((entry.event for entry in entries if isinstance(entry.event, ConsentGiven)), None)
    model = judge.model
    if not may_be_sent(model, consent, named=IN_THE_CONSENT):
        raise ProtocolError(
            f"the candidate did not agree that {model.provider} ({model.country}) {IN_THE_CONSENT}; nothing was sent",
            code="opinion.consent",
            http_status=403,
        )
    speakers, proposed = _speakers(entries), _proposed(entries)
    turns = recorded_turns(entries)
    places = [
        place
        for place, turn in enumerate(turns)
        if turn.role == "patient" and (every or speakers.get(turn.number, _CARD).name != CARD_WORDS)
    ]
    if not places:
        raise _nothing("no language model worded a reply" if not every else "the patient said nothing")
    before = read_judgement(folder, seal)
    kept = {each.verdict.key: each.verdict for each in before.replies if each.verdict.state == "made"} if before else {}
    said = [turn.text for turn in turns if turn.role == "patient"]
    scrub = None if model.stays_here else Scrubber(words_to_keep([card.patient.name, card.setting, *said]))
    judged = []
    for place in places:
        number = turns[place].number
        speaker = speakers.get(number, _CARD)
        case = case_of(card, turns, place, proposed.get(number, ()), scrub=scrub)
        verdict = judge.judge(
            case, JudgedReply(folder.name, number, speaker.name, speaker.digest), {} if again else kept
        )
        # A host that fails takes nothing away that was there.
        verdict = kept.get(verdict.key, verdict) if verdict.state == "failed" else verdict
        judged.append(ReplyJudgement(number, speaker.name, speaker.digest, turns[place].text, verdict))
    made = SessionJudgement(
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        judge=model.name,
        digest=model.digest,
        references=judge.references.version,
        replies=tuple(judged),
    )
    write_judgement(folder, seal, made)
    return made


_CARD = ReplySpeaker(CARD_WORDS)


def _speakers(entries: Iterable[LogEntry]) -> dict[int, ReplySpeaker]:
    """Return which model worded each reply, by the reply's number, whole or in part."""
    found = {}
    for entry in entries:
        match entry.event:
            case LanguageModelAsked(reply=reply, model=name, digest=digest, outcome=outcome) if outcome != "card":
                found[reply] = ReplySpeaker(name, digest)
            case RemoteMindAsked(reply=reply, provider=provider, model=name, outcome=outcome) if outcome != "card":
                found[reply] = ReplySpeaker(f"{provider}: {name}")
            case _:
                pass
    return found


def _proposed(entries: Iterable[LogEntry]) -> dict[int, tuple[str, ...]]:
    """Return the cues that each reply was to tell, by the reply's number."""
    return {entry.event.reply: entry.event.cues for entry in entries if isinstance(entry.event, ReplyProposed)}


def read_judgement(folder: Path, seal: Seal | None) -> SessionJudgement | None:
    """Return a session's judgement, None where there is none; raises StorageError."""
    again = f"delete it, then have it made again: `interlocutor judge {folder.name}`"
    return read_sealed_answer(folder / JUDGEMENT, seal, _judgement_of, again=again)


def _judgement_of(plain: dict[str, Any]) -> SessionJudgement:
    replies = tuple(
        ReplyJudgement(
            **each | {"verdict": ReplyVerdict(**each["verdict"] | {"broken": tuple(each["verdict"]["broken"])})}
        )
        for each in plain["replies"]
    )
    return SessionJudgement(**plain | {"replies": replies})


def write_judgement(folder: Path, seal: Seal | None, judgement: SessionJudgement) -> None:
    """Keep a judgement; raises StorageError."""
    write_sealed_answer(folder / JUDGEMENT, seal, judgement)


def _nothing(why: str) -> ProtocolError:
    return ProtocolError(f"there is nothing to judge: {why}", code="session.gone", http_status=404)
