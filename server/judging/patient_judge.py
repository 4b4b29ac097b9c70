"""A judge of the patient's replies: one question for each, asked until its answer can be used, and written down."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal

from server.judging.judge_answer import read_judge_answer
from server.judging.judge_case import ReplyCase
from server.judging.judge_log import JudgeLine, JudgeLog
from server.judging.judge_prompt import judge_messages
from server.judging.judge_references import JudgeReferences
from server.opinions.opinion_answer import AnswerFault
from server.opinions.opinion_models import ModelFailed, OpinionModel
from server.opinions.usable_answer import AskingTook, usable_answer

# Another way of asking or of reading makes other verdicts: what was kept of the former is not taken for an equal.
WAY = 1


@dataclass(frozen=True, slots=True)
class ReplyVerdict:
    """What a judge says of a reply: the rules that it breaks, if `state` is made; equal questions share a `key`."""

    key: str
    state: Literal["made", "not_usable", "failed"]
    why: str = ""
    broken: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class JudgedReply:
    """Where a reply is from: a session with who worded it, or the references with what it breaks."""

    session: str = ""
    reply: int = 0
    speaker: str = ""
    speaker_digest: str = ""
    reference: str = ""
    wanted: tuple[str, ...] | None = None


class PatientJudge:
    """Asks one model by one set of references; every verdict leaves a line in the log."""

    def __init__(self, model: OpinionModel, references: JudgeReferences, log: JudgeLog) -> None:
        self.model = model
        self.references = references
        self._log = log

    def judge(self, case: ReplyCase, of: JudgedReply, known: Mapping[str, ReplyVerdict] | None = None) -> ReplyVerdict:
        """Return the verdict, or what is known of an equal question; raises ModelFailed where it is final."""
        messages = judge_messages(case)
        plain = [WAY, self.model.provider, self.model.name, [asdict(message) for message in messages]]
        key = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
        began_s = time.monotonic()
        took = AskingTook()
        if known is not None and key in known:
            self._note(of, known[key], took, began_s, cached=True)
            return known[key]
        fatal: ModelFailed | None = None
        session = of.session or f"reference {of.reference}"
        try:
            answer = usable_answer(self.model, session, messages, read_judge_answer, took=took)
            found = ReplyVerdict(key, "made", "", answer.broken, answer.reason)
        except AnswerFault as fault:
            found = ReplyVerdict(key, "not_usable", fault.code)
        except ModelFailed as failure:
            found = ReplyVerdict(key, "failed", failure.code)
            fatal = failure if failure.final else None
        self._note(of, found, took, began_s)
        if fatal is not None:
            raise fatal
        return found

    def _note(
        self, of: JudgedReply, found: ReplyVerdict, took: AskingTook, began_s: float, *, cached: bool = False
    ) -> None:
        self._log.append(
            JudgeLine(
                at=datetime.now(UTC).isoformat(timespec="seconds"),
                session=of.session,
                reference=of.reference,
                reply=of.reply,
                speaker=of.speaker,
                speaker_digest=of.speaker_digest,
                judge=self.model.name,
                judge_digest=self.model.digest,
                provider=self.model.provider,
                host=took.host,
                references=self.references.version,
                key=found.key,
                state=found.state,
                why=found.why,
                broken=found.broken,
                wanted=of.wanted,
                tries=took.tries,
                cached=cached,
                tokens_in=took.tokens_in,
                tokens_out=took.tokens_out,
                estimated=took.estimated,
                cost=took.cost,
                took_ms=round(1000.0 * (time.monotonic() - began_s), 1),
            )
        )
