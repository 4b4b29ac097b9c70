"""The scripted patient: tells the card's cues by the card's rules, with the card's words, and generates nothing.

It is the embedded responder: no model, the same answer for the same request. What a turn is taken for is one of
`Intent` (a closed set, returned in `ReplyEnd.intent`). Everything it says is a text of the card, except the few fixed
sentences in this file: name, age, a told-already line, and "As I said," before a cue that is told again.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pipelines.engines import Clause, EngineInfo, PrepareRequest, ReplyEnd, ReplyPart, RespondKind, RespondRequest
from pipelines.llm.elsewhere import topics
from pipelines.llm.intents import ASKING, IDENTITY_AGE, Intent
from pipelines.llm.lexicon import concepts_of
from pipelines.llm.matching import CueScore, index_for
from pipelines.llm.phrases import closest_phrase, opens_like_question
from pipelines.llm.understanding import ASKED_FLOOR, BARE_FLOOR, Understanding, understand
from pipelines.llm.words import tokens
from pipelines.patient.card import Card, Cue

Splitter = Callable[[str], list[tuple[str, int]]]
"""Cuts a reply into pieces that can be spoken at once: (text, pause after it in milliseconds)."""

NAME_LINE = "It's {name}."
AGE_LINE = "I'm {age}."
TOLD_LINE = "I think I've told you all I know about that."
AGAIN_PREFIX = "As I said, "


@dataclass(frozen=True, slots=True)
class _Reply:
    text: str
    cue: str | None
    intent: Intent
    reason: str
    score: float


class ScriptedPatient:
    """A Responder that matches turns lexically against the card; stateless but for the per-card index."""

    def __init__(self, *, split: Splitter | None = None) -> None:
        self._split = split
        self.info = EngineInfo(
            kind="responder",
            name="scripted-patient",
            demonstration=True,
            isolation="thread",
            detail="tells the card's cues by lexical matching; generates no text",
        )

    def warm(self) -> None:
        """Find the clause splitter and fill the tables of words, so that the first reply waits for neither."""
        self._splitter()
        topics()
        concepts_of("")
        closest_phrase(("hello",))
        opens_like_question(("hello",))

    def prepare(self, request: PrepareRequest) -> None:
        """Make the card's index ahead of its first turn (about 20 ms)."""
        index_for(request.card)

    def respond(self, request: RespondRequest) -> Iterator[ReplyPart]:
        """Yield the reply's clauses, then one ReplyEnd that says what the turn was taken for and why."""
        reply = choose_reply(request)
        for text, pause_after_ms in self._splitter()(reply.text):
            yield Clause(text=text, cue=reply.cue, pause_after_ms=pause_after_ms)
        yield ReplyEnd(
            intent=reply.intent.value, reason=reply.reason, score=round(reply.score, 3), asked=reply.intent in ASKING
        )

    def _splitter(self) -> Splitter:
        if self._split is None:
            from pipelines.tts.clauses import split_clauses  # late: matching can be used without the voices

            self._split = split_clauses
        return self._split


def choose_reply(request: RespondRequest) -> _Reply:
    """Return the whole reply to `request`: its text, the cue it tells if any, and why."""
    card, lines = request.card, request.card.lines
    if request.kind is RespondKind.OPENING:
        text = card.opening or _variant(lines.greeting, request)
        return _Reply(text, None, Intent.OPENING, "the patient speaks first", 1.0)
    if request.kind is RespondKind.SILENCE:
        return _Reply(_variant(lines.silence, request), None, Intent.SILENCE, "the candidate is silent", 1.0)
    if request.kind is RespondKind.CLOSING:
        return _Reply(_variant(lines.closing, request), None, Intent.CLOSING, "the role-play ends", 1.0)
    state = _State(request)
    heard = understand(request.text, index=index_for(card), words=request.words, first=not state.patient_texts)
    return _answer(heard, state, request)


class _State:
    """What the snapshot says of the conversation so far."""

    def __init__(self, request: RespondRequest) -> None:
        self.request = request
        self.card = request.card
        cues = {cue.id for cue in self.card.cues}
        # Not the cues in the history: one that was cut short is there too, and may be told again from its beginning.
        self.told = {cue for cue in request.told if cue in cues}
        self.cues = cues
        self.patient_texts = [item.text for item in request.history if item.role == "patient" and item.text.strip()]
        self.last = self.patient_texts[-1] if self.patient_texts else ""

    def due(self) -> list[Cue]:
        """Return the volunteered cues whose turn has come, in card order."""
        return [
            cue for cue in self.card.cues if cue.kind == "volunteered" and self.may_tell(cue) and not self.knows(cue)
        ]

    def may_tell(self, cue: Cue) -> bool:
        return all(other in self.told for other in cue.after)

    def knows(self, cue: Cue) -> bool:
        return cue.id in self.told

    def first_untold(self) -> Cue | None:
        for cue in self.card.cues:
            if cue.kind == "asked" and self.may_tell(cue) and not self.knows(cue):
                return cue
        return None


def _answer(heard: Understanding, state: _State, request: RespondRequest) -> _Reply:
    lines, intent = state.card.lines, heard.intent

    def say(variants: Sequence[str], reason: str = "", *, instead: Intent | None = None) -> _Reply:
        text = _variant(variants, request, avoid=state.last)
        why = heard.reason + (f"; {reason}" if reason else "")
        return _Reply(text, None, instead or intent, why, heard.score)

    match intent:
        case Intent.CUE:
            return _answer_question(heard, state, request)
        case Intent.UNKNOWN:
            return say(lines.not_on_card)
        case Intent.GREETING:
            return say(lines.greeting)
        case Intent.PERMISSION:
            return say(lines.permit)
        case Intent.FAREWELL:
            return say(lines.closing)
        case Intent.IDENTITY:
            by_age = IDENTITY_AGE.search(" ".join(tokens(request.text)))
            line = AGE_LINE.format(age=state.card.patient.age) if by_age else _name_line(state.card)
            return say([line])
        case Intent.REPEAT:
            return _repeat(heard, state, request)
        case Intent.UNINTELLIGIBLE:
            if _same(state.last, lines.say_again):
                return say(lines.acknowledge, "asked to say it again already")
            return say(lines.say_again)
        case Intent.OPEN:
            cue = state.first_untold()
            if cue is not None:
                return _tell(cue, heard, state, request, "first on the card that is not told")
            return _volunteer(heard, state, request, otherwise=lines.nothing_more)
        case Intent.INVITATION:
            return _answer_invitation(heard, state, request)
        case _:
            return _volunteer(heard, state, request, otherwise=lines.acknowledge)


def _answer_question(heard: Understanding, state: _State, request: RespondRequest) -> _Reply:
    """Tell the best-scoring cue that the rules allow; never one that fits only because a better one is held back."""
    top = heard.ranking[0]
    cue = state.card.cue(top.cue)
    if not state.may_tell(cue):
        close = [s for s in heard.ranking[1:] if s.score >= max(BARE_FLOOR, top.score - 0.1)]
        for score in close:
            other = state.card.cue(score.cue)
            if state.may_tell(other) and not state.knows(other):
                return _tell(
                    other, heard, state, request, f"'{top.cue}' is not due; '{score.trigger}' {score.score:.2f}"
                )
        if heard.bare:
            taken = replace(heard, intent=Intent.STATEMENT)
            return _volunteer(taken, state, request, otherwise=state.card.lines.acknowledge)
        text = _variant(state.card.lines.not_on_card, request, avoid=state.last)
        return _Reply(text, None, Intent.UNKNOWN, f"{heard.reason}; '{top.cue}' is not due yet", heard.score)
    return _tell(cue, heard, state, request, "")


def _answer_invitation(heard: Understanding, state: _State, request: RespondRequest) -> _Reply:
    due = state.due()
    if due:
        return _tell(_closest(due, heard.ranking), heard, state, request, "its turn has come")
    told = [s for s in heard.ranking if s.score >= ASKED_FLOOR and state.card.cue(s.cue).kind == "volunteered"]
    for score in told:
        if score.cue in state.told:
            return _tell(state.card.cue(score.cue), heard, state, request, "asked again")
    first = state.first_untold()
    if not state.told and first is not None and "anything else" not in request.text.lower():
        return _tell(first, heard, state, request, "no worry is due before it")
    text = _variant(state.card.lines.nothing_more, request, avoid=state.last)
    return _Reply(text, None, Intent.INVITATION, heard.reason + "; nothing is due", heard.score)


def _volunteer(heard: Understanding, state: _State, request: RespondRequest, *, otherwise: Sequence[str]) -> _Reply:
    due = state.due()
    if due:
        return _tell(due[0], heard, state, request, "nothing was asked, and its turn has come")
    return _Reply(_variant(otherwise, request, avoid=state.last), None, heard.intent, heard.reason, heard.score)


def _tell(cue: Cue, heard: Understanding, state: _State, request: RespondRequest, why: str) -> _Reply:
    reason = f"{heard.reason}; tells '{cue.id}'" + (f": {why}" if why else "")
    if not state.knows(cue):
        return _Reply(_variant(cue.says, request, key=cue.id), cue.id, heard.intent, reason, heard.score)
    if cue.once:
        return _Reply(TOLD_LINE, None, heard.intent, f"{reason}, but it is told only once", heard.score)
    fresh = [text for text in cue.says if not _said(text, state.patient_texts)]
    if fresh:
        text = _variant(fresh, request, key=cue.id)
    else:
        text = AGAIN_PREFIX + _uncapitalised(_variant(cue.says, request, key=cue.id, avoid=state.last), state.card)
    return _Reply(text, cue.id, heard.intent, f"{reason} (asked again)", heard.score)


def _repeat(heard: Understanding, state: _State, request: RespondRequest) -> _Reply:
    """Say the patient's last line again: in full, where what was heard of it is the start of a text of the card."""
    patient = [item for item in request.history if item.role == "patient" and item.text.strip()]
    if not patient:
        text = state.card.opening or _variant(state.card.lines.greeting, request)
        return _Reply(text, None, Intent.REPEAT, heard.reason + "; nothing was said yet", heard.score)
    last = patient[-1]
    cue = next((cue for cue in last.cues if cue in state.cues), None)
    begin = tokens(last.text)
    for text in _texts(state.card):
        if begin and tokens(text)[: len(begin)] == begin:
            return _Reply(text, cue, Intent.REPEAT, heard.reason, heard.score)
    return _Reply(last.text, cue, Intent.REPEAT, heard.reason, heard.score)


def _texts(card: Card) -> Iterator[str]:
    for cue in card.cues:
        yield from cue.says
    lines = card.lines
    for variants in (lines.greeting, lines.acknowledge, lines.closing, lines.say_again, lines.silence):
        yield from variants
    yield from (*lines.not_on_card, *lines.permit, *lines.nothing_more)
    if card.opening:
        yield card.opening


def _closest(due: Sequence[Cue], ranking: Sequence[CueScore]) -> Cue:
    """Return the due cue that the words point to, or the first."""
    ids = {cue.id: cue for cue in due}
    for score in ranking:
        if score.cue in ids and score.score >= BARE_FLOOR:
            return ids[score.cue]
    return due[0]


def _variant(variants: Sequence[str], request: RespondRequest, *, key: str = "", avoid: str = "") -> str:
    """Choose by seed and turn, so that a replay says the same; not what was said last, where there is another."""
    choice = [text for text in variants if text != avoid] or list(variants)
    return choice[zlib.crc32(f"{request.seed}:{request.turn}:{key}".encode()) % len(choice)]


def _same(text: str, variants: Iterable[str]) -> bool:
    words = tokens(text)
    return any(tokens(variant) == words for variant in variants)


def _said(text: str, said: Sequence[str]) -> bool:
    """Tell whether the text, or its beginning (when it was interrupted), has been heard."""
    words = tokens(text)
    return any(len(tokens(item)) >= 3 and tokens(item) == words[: len(tokens(item))] for item in said)


def _uncapitalised(text: str, card: Card) -> str:
    first = text.split()[0]
    names = {word for name in (card.patient.name, *card.vocabulary) for word in name.split() if word[0].isupper()}
    if first.rstrip(",.!?") in names or first.split("'")[0] == "I":
        return text
    return text[0].lower() + text[1:]


def _name_line(card: Card) -> str:
    return NAME_LINE.format(name=card.patient.name)
