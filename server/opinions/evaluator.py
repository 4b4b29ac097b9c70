"""One criterion of one talk, asked of a model until its answer can be used, and written down whatever comes of it."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal

from pipelines.responders.remote.forms import ChatMessage
from server.marking.criteria import BY_ID
from server.opinions.opinion_answer import AnswerFault, read_answer
from server.opinions.opinion_log import OpinionLine, OpinionLog
from server.opinions.opinion_models import ModelFailed, OpinionModel
from server.opinions.opinion_prompt import NumberedTurn, opinion_messages
from server.opinions.references import References
from server.opinions.usable_answer import AskingTook, usable_answer

# Another way of asking or of reading makes other opinions: what was kept of the former is not taken for an equal.
WAY = 1

EvaluationState = Literal["made", "not_usable", "failed"]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a model says of one criterion, without a mark unless `state` is made; equal questions have one `key`."""

    criterion: str
    key: str
    state: EvaluationState
    why: str = ""
    mark: int | None = None
    reason: str = ""
    turns: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class JudgedTalk:
    """What is judged: a session, or a passage with the mark that it deserves."""

    turns: Sequence[NumberedTurn]
    session: str = ""
    passage: str = ""
    wanted: int | None = None
    tasks: Sequence[str] = ()


class Evaluator:
    """Asks one model by one set of references; every evaluation leaves a line in the log."""

    def __init__(self, model: OpinionModel, references: References, log: OpinionLog) -> None:
        self.model = model
        self.references = references
        self._log = log

    def evaluate(self, criterion: str, talk: JudgedTalk, known: Mapping[str, Evaluation] | None = None) -> Evaluation:
        """Return what the model says, or what is known of an equal question; raises ModelFailed where it is final."""
        asked = BY_ID[criterion]
        messages = opinion_messages(asked, self.references.criteria[criterion], talk.turns, talk.tasks)
        key = self._key(messages)
        began_s = time.monotonic()
        took = AskingTook()
        if known is not None and key in known:
            found = known[key]
            self._note(criterion, talk, found, took, began_s, cached=True)
            return found
        own = {turn.number for turn in talk.turns if turn.who == "candidate"}
        fatal: ModelFailed | None = None
        try:
            answer = usable_answer(
                self.model,
                talk.session or f"passage {talk.passage}",
                messages,
                lambda text: read_answer(text, most=asked.most, own=own),
                took=took,
            )
            found = Evaluation(criterion, key, "made", "", answer.mark, answer.reason, answer.turns)
        except AnswerFault as fault:
            found = Evaluation(criterion, key, "not_usable", fault.code)
        except ModelFailed as failure:
            found = Evaluation(criterion, key, "failed", failure.code)
            fatal = failure if failure.final else None
        self._note(criterion, talk, found, took, began_s)
        if fatal is not None:
            raise fatal
        return found

    def _key(self, messages: Sequence[ChatMessage]) -> str:
        plain = [WAY, self.model.provider, self.model.name, [asdict(message) for message in messages]]
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()

    def _note(
        self,
        criterion: str,
        talk: JudgedTalk,
        found: Evaluation,
        took: AskingTook,
        began_s: float,
        *,
        cached: bool = False,
    ) -> None:
        self._log.append(
            OpinionLine(
                at=datetime.now(UTC).isoformat(timespec="seconds"),
                session=talk.session,
                passage=talk.passage,
                criterion=criterion,
                model=self.model.name,
                provider=self.model.provider,
                host=took.host,
                references=self.references.version,
                key=found.key,
                state=found.state,
                why=found.why,
                mark=found.mark,
                wanted=talk.wanted,
                tone=tuple(took.tone),
                tries=took.tries,
                cached=cached,
                tokens_in=took.tokens_in,
                tokens_out=took.tokens_out,
                estimated=took.estimated,
                cost=took.cost,
                took_ms=round(1000.0 * (time.monotonic() - began_s), 1),
            )
        )
