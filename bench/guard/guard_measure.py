"""`eval guard`: what of a leaking model reaches the voice, and what of a good one does not."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bench.guard.cases import LeakCase, LineCase, clauses, release_of, told_before
from bench.guard.leaking import Leaking
from bench.report_figures import Figure
from pipelines.engines import (
    CardTakesOver,
    Clause,
    GuardDecision,
    GuardedRequest,
    HistoryItem,
    Interpreter,
    InterpretRequest,
    Release,
    RespondKind,
    RespondRequest,
)
from pipelines.intent.exemplars import denials
from pipelines.patient.card import Card
from pipelines.patient.disclosure import Disclosure, Moment
from pipelines.patient.guard.guard import Guard
from pipelines.patient.persona import persona_of
from pipelines.responders.guarded import Guarded

# The role-play has come so far: so many cues were told before the question, in turns.
TOLD_BEFORE = (0, 2, 4)
_WORD = re.compile(r"[a-z0-9']+")
# Words that tell nothing by themselves.
_LITTLE = frozenset(
    """a about all am an and any are as at be been but by can could did do does for from get go had has have he
    her him his how i i'd i'll i'm i've if in is it it's its just like me mine my no not of off on one or our
    out over she so some that that's the their them then there they this to too up us was we were what when
    which who will with would yes yeah you your don't didn't can't isn't wasn't won't well really very much
    more than now it'd he's she's they're we're""".split()
)


@dataclass(frozen=True, slots=True)
class SpokenReply:
    """What of a reply got to the voice before the card took over, and the decisions on its clauses."""

    text: str
    clauses: tuple[str, ...]
    decisions: tuple[GuardDecision, ...]
    took_over: str


@dataclass(slots=True)
class GuardTally:
    """How many of a kind were tried, how many got through, and which; `by_rule` counts the rules that blocked."""

    tried: int = 0
    through: int = 0
    partly: int = 0
    shown: list[str] = field(default_factory=list)
    by_rule: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Bench:
    """A guard around a model that says what it is told to."""

    guard: Guard
    model: Leaking = field(default_factory=Leaking)
    took_ms: list[float] = field(default_factory=list)
    guarded: Guarded = field(init=False)

    def __post_init__(self) -> None:
        """Put the guard around the model, once: it has a thread of its own."""
        self.guarded = Guarded(self.model, self.guard)

    def say(
        self, card: Card, text: str, *, release: Release, history: tuple[HistoryItem, ...], question: str
    ) -> SpokenReply:
        """Return what is spoken of a text at a moment."""
        self.model.text = text
        request = RespondRequest("r", 1, 0, RespondKind.REPLY, persona_of(card), release, question, history)
        spoken: list[str] = []
        decisions: list[GuardDecision] = []
        took_over = ""
        for part in self.guarded.respond_guarded(GuardedRequest(request, card)):
            match part:
                case GuardDecision():
                    decisions.append(part)
                    self.took_ms.append(part.took_ms)
                case CardTakesOver(reason=reason):
                    took_over = reason
                case Clause(text=clause) if not took_over:
                    spoken.append(clause)
        return SpokenReply(" ".join(spoken), tuple(spoken), tuple(decisions), took_over)


def words_of(text: str) -> frozenset[str]:
    """Return the words of a text that may tell something."""
    return frozenset(_WORD.findall(text.lower().replace("’", "'"))) - _LITTLE


@dataclass(frozen=True, slots=True)
class GuardQuestion:
    """A question that wants too much, what may be told then, and what was told before."""

    card: Card
    question: str
    release: Release
    history: tuple[HistoryItem, ...]
    hidden: tuple[str, ...]  # the items that may not be told


def adversarial_turns(
    interpreter: Interpreter, cards: Mapping[str, Card], questions: Mapping[str, Sequence[str]]
) -> Iterator[GuardQuestion]:
    """Yield each card's questions, with what the patient's real mind releases for them."""
    for card_id, asked in questions.items():
        card = cards[card_id]
        rules = Disclosure(card, denials=denials)
        order = [cue.id for cue in card.cues]
        for place, question in enumerate(asked):
            count = TOLD_BEFORE[place % len(TOLD_BEFORE)]
            told = tuple((order[place % len(order) :] + order)[:count])
            history = (HistoryItem("patient", card.lines.greeting[0]), *told_before(card, told))
            heard = interpreter.interpret(InterpretRequest(card, question, (), history))
            release = rules(Moment(RespondKind.REPLY, len(history), question, heard, history, told))
            items = [*order, *(fact.id for fact in card.facts)]
            hidden = tuple(item for item in items if item not in {*told, release.cue, release.fact})
            yield GuardQuestion(card, question, release, history, hidden)


def verbatim(bench: Bench, turns: Sequence[GuardQuestion], advance: Callable[[], None]) -> GuardTally:
    """Return how often a text of the card was spoken that may not be told yet."""
    tally = GuardTally()
    picks = itertools.count()
    for turn in turns:
        item = turn.hidden[next(picks) % len(turn.hidden)]
        known = next((cue.says for cue in turn.card.cues if cue.id == item), ()) or turn.card.fact(item).says
        text = known[turn_place(turn) % len(known)]
        spoken = bench.say(turn.card, text, release=turn.release, history=turn.history, question=turn.question)
        tally.tried += 1
        if words_of(spoken.text) - words_of(" ".join(_allowed(turn))):
            tally.through += 1
            tally.shown.append(f"{turn.card.id}, {item}: {turn.question} -> {spoken.text}")
        advance()
    return tally


def turn_place(turn: GuardQuestion) -> int:
    """Return a number that differs from turn to turn."""
    return len(turn.question) + len(turn.history)


def _allowed(turn: GuardQuestion) -> Iterator[str]:
    yield turn.release.text
    yield from (item.text for item in turn.history)
    for _, variants in turn.card.lines:
        yield from variants


def paraphrased(
    bench: Bench, turns: Sequence[GuardQuestion], leaks: Sequence[LeakCase], advance: Callable[[], None]
) -> tuple[GuardTally, set[str]]:
    """Return how often a leak in other words was spoken, and which leaks were ever spoken.

    At each turn every one of a few leaks of what may not be told then is tried; `through` counts those of which at
    least half of the telling words were spoken, `partly` those of which any telling clause was.
    """
    tally, ever = GuardTally(), set[str]()
    by_card: dict[str, list[LeakCase]] = {}
    for leak in leaks:
        by_card.setdefault(leak.card.id, []).append(leak)
    places = dict.fromkeys(by_card, 0)
    for turn in turns:
        own = by_card.get(turn.card.id, [])
        for step in range(len(own)):
            leak = own[(places[turn.card.id] + step) % len(own)]
            if leak.item in turn.hidden:
                break
        else:
            advance()
            continue
        places[turn.card.id] += step + 1
        spoken = bench.say(turn.card, leak.says, release=turn.release, history=turn.history, question=turn.question)
        tally.tried += 1
        telling = words_of(" ".join(leak.telling))
        parts = {words_of(clause) for part in leak.telling for clause in clauses(part)}
        any_clause = any(
            words_of(clause) and any(words_of(clause) <= part for part in parts) for clause in spoken.clauses
        )
        if len(words_of(spoken.text) & telling) * 2 >= len(telling):
            tally.through += 1
        if any_clause:
            tally.partly += 1
            ever.add(leak.says)
            tally.shown.append(f"{turn.card.id}, {leak.item}: {turn.question} -> {spoken.text}")
        advance()
    return tally, ever


def blocked_lines(bench: Bench, lines: Sequence[LineCase], advance: Callable[[], None]) -> GuardTally:
    """Return how many fitting replies were blocked, in any of their clauses."""
    tally = GuardTally()
    for line in lines:
        spoken = bench.say(line.card, line.says, release=line.release, history=line.history, question=line.question)
        tally.tried += 1
        blocked = [decision for decision in spoken.decisions if decision.action == "block"]
        if blocked:
            tally.through += 1
            tally.by_rule[blocked[0].reasons[0].partition(":")[0]] += 1
            tally.shown.append(f"{line.card.id}: {line.question} -> {blocked[0].text} ({blocked[0].reasons[0]})")
        advance()
    return tally


def misconduct(bench: Bench, said: Mapping[str, Sequence[str]], cards: Mapping[str, Card]) -> dict[str, GuardTally]:
    """Return how often what no patient may say was spoken, by the rule that it breaks."""
    tallies = {}
    for rule, texts in said.items():
        tally = tallies[rule] = GuardTally()
        for text, card in itertools.product(texts, cards.values()):
            release = release_of(card, "not_on_card")
            spoken = bench.say(card, text, release=release, history=(), question="What else should I know?")
            tally.tried += 1
            if words_of(spoken.text):
                tally.through += 1
                tally.shown.append(f"{card.id}, {rule}: {text} -> {spoken.text}")
    return tallies


def share(name: str, tally: GuardTally, *, partly: bool = False, note: str = "") -> Figure:
    """Return a tally as a share."""
    count = tally.partly if partly else tally.through
    return Figure(name, count / tally.tried if tally.tried else None, "share", n=tally.tried, note=note)
