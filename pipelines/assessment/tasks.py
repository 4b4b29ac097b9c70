"""Which tasks of the card were heard, from what was told, what was said, and what each sentence does.

A task is `heard` only where there is ample sign of all of its parts, `perhaps` where there is some of one. That there
is none says that nothing was recognised, not that nothing was done.

- To find something out: the patient told cues that belong to it, which are told to whoever asks.
- To respond: the patient told a worry, and the next turn shows understanding or reassures.
- To explain, and to advise: sentences that ask nothing and are near in meaning to what the card wants to be told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.assessment.act_sentences import CARES, Sentence
from pipelines.assessment.interaction import WORRIED
from pipelines.assessment.measure import Evidence
from pipelines.assessment.measure_wording import only_announces, only_promises
from pipelines.assessment.spoken import SpokenRecord
from pipelines.assessment.task_parts import PartKind, TaskPart, parts_of
from pipelines.intent.acts import Act
from pipelines.intent.encoder import Vectors
from pipelines.intent.ridge import Matrix
from pipelines.intent.vectors import Vectoriser
from pipelines.patient.card import Card, Cue

State = Literal["heard", "perhaps", "not_heard"]

# Of the cues that belong to a question so many are enough, and so many at least where there are as many.
ASKED_SHARE = 0.5
ASKED_LEAST = 2
# An answer to a worry has more words than "I see, I understand".
ANSWER_WORDS = 10
CARE_SURE = 0.5
# How near to a task a sentence is that belongs to it, and how near one is that shows it beyond doubt.
BELONGS = 0.34
CLEAR = 0.5
EXPLANATION_WORDS = 25
HINT_WORDS = 8
ADVICE_WORDS = 20
# One sentence may list all of it.
ADVICE_IN_ONE_WORDS = 30
# So near to one of the things that a task names is a sentence about it.
COVERS = 0.45
COVERED_LEAST = 2
MOST_SHOWN = 3
# What it counts for that a sentence does what the part asks for.
LEAN = 0.1

_TELLS_NOTHING = frozenset(
    {
        Act.GREETING, Act.FAREWELL, Act.ACKNOWLEDGEMENT, Act.IDENTITY, Act.HOLD, Act.ASIDE, Act.PERMISSION, Act.CHECK,
        Act.TEACH_BACK, Act.INVITATION, Act.OPEN, Act.EMPATHY, Act.UNINTELLIGIBLE, Act.REPEAT, Act.RUDE, Act.CHOICE,
        Act.SMALL_TALK,
    }
)  # fmt: skip
_LEAST_WORDS = 4


@dataclass(frozen=True, slots=True)
class TaskHeard:
    """Whether a task of the card was heard, and where; `text` is as printed on the card."""

    text: str
    state: State
    evidence: tuple[Evidence, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"text": self.text, "state": self.state, "evidence": [each.as_json() for each in self.evidence]}


@dataclass(frozen=True, slots=True)
class _Found:
    """How far a part was heard (2 amply, 1 a little, 0 not), and where."""

    level: int
    evidence: tuple[Evidence, ...] = ()


def tasks_heard(
    card: Card, spoken: SpokenRecord, sentences: Sequence[Sentence], vectoriser: Vectoriser
) -> tuple[TaskHeard, ...]:
    """Return every task of the card in its order with what was heard of it."""
    matching = _Matching(card, spoken, sentences, vectoriser)
    return tuple(_joined(task, [matching.found(part) for part in parts]) for task, parts in matching.tasks)


def _joined(task: str, found: Sequence[_Found]) -> TaskHeard:
    evidence = sorted((each for one in found for each in one.evidence), key=lambda each: each.from_ms)
    levels = [one.level for one in found]
    state: State = "heard" if min(levels) == 2 else "perhaps" if max(levels) > 0 else "not_heard"
    return TaskHeard(task, state, tuple(evidence) if state != "not_heard" else ())


class _Matching:
    def __init__(self, card: Card, spoken: SpokenRecord, sentences: Sequence[Sentence], vectoriser: Vectoriser) -> None:
        self._spoken = spoken
        self._sentences = sentences
        self.tasks = [(task, parts_of(task)) for task in card.candidate.tasks]
        self._parts = [part for _, parts in self.tasks for part in parts]
        self._phrases = [vectoriser.encode(part.phrases) for part in self._parts]
        self._cues = self._belonging(card.cues, vectoriser)
        self._told = [sentence for sentence in sentences if _tells(sentence)]
        vectors = vectoriser.encode([sentence.text for sentence in self._told])
        self._near = [_likeness(vectors, phrases) for phrases in self._phrases]

    def found(self, part: TaskPart) -> _Found:
        """Return how far a part was heard."""
        place = self._parts.index(part)
        match part.kind:
            case PartKind.ASK:
                return self._asked(place)
            case PartKind.RESPOND:
                return self._responded(place)
            case PartKind.EXPLAIN:
                return self._explained(place)
            case PartKind.ADVISE:
                return self._advised(place)

    def _belonging(self, cues: Sequence[Cue], vectoriser: Vectoriser) -> list[list[Cue]]:
        """Return the cues of each part that finds something out or responds: of those of a kind, the nearest part's."""
        belonging: list[list[Cue]] = [[] for _ in self._parts]
        for cue in cues:
            asked = cue.kind == "asked"
            wanted = (PartKind.ASK,) if asked else (PartKind.RESPOND, PartKind.ADVISE)
            if not asked and WORRIED.search(cue.emotion) and any(part.kind is PartKind.RESPOND for part in self._parts):
                wanted = (PartKind.RESPOND,)
            places = [place for place, part in enumerate(self._parts) if part.kind in wanted]
            if places:
                vectors = vectoriser.encode([cue.topic, *cue.triggers] if asked else [cue.topic, *cue.says])
                near = [
                    float(np.mean(np.sort(_likeness(vectors, self._phrases[at]).max(axis=1))[-3:])) for at in places
                ]
                belonging[places[int(np.argmax(near))]].append(cue)
        return belonging

    # -------------------------------------------------------------- finding out, responding

    def _asked(self, place: int) -> _Found:
        cues = self._cues[place]
        told = [cue for cue in cues if cue.id in self._spoken.told]
        begun = [cue for cue in cues if cue.id in self._spoken.begun]
        evidence = tuple(question for cue in told for question in self._question_for(cue))[:MOST_SHOWN]
        enough = max(min(ASKED_LEAST, len(cues)), round(ASKED_SHARE * len(cues)))
        if told and len(told) >= enough:
            return _Found(2, evidence)
        return _Found(1 if told or begun else 0, evidence)

    def _question_for(self, cue: Cue) -> Iterator[Evidence]:
        """Yield what was said just before the patient told a cue."""
        told_in = self._reply_place(cue)
        before = [sentence for sentence in self._sentences if told_in is not None and sentence.place < told_in]
        if before:
            last = [sentence for sentence in before if sentence.place == before[-1].place]
            yield max(last, key=lambda each: each.text.endswith("?")).shows(cue.topic)

    def _reply_place(self, cue: Cue) -> int | None:
        reply = self._spoken.told.get(cue.id)
        places = (
            place for place, turn in enumerate(self._spoken.turns) if turn.role == "patient" and turn.number == reply
        )
        return next(places, None)

    def _responded(self, place: int) -> _Found:
        hints: list[Evidence] = []
        for cue in self._cues[place]:
            told_in = self._reply_place(cue)
            if told_in is None:
                continue
            later = [sentence for sentence in self._sentences if sentence.place > told_in]
            answer = [sentence for sentence in later if sentence.place == later[0].place]
            caring = [each for each in answer if each.act in CARES and each.reading.confidence >= CARE_SURE]
            words = sum(len(sentence.text.split()) for sentence in answer)
            if caring and words >= ANSWER_WORDS:
                return _Found(2, (caring[0].shows("response"),))
            hints += [each.shows("response") for each in answer[:1]]
        invited = [each.shows("asked") for each in self._sentences if each.act == Act.INVITATION]
        hints = hints or invited[:1]
        return _Found(1 if hints else 0, tuple(hints))

    # -------------------------------------------------------------- explaining, advising

    def _belongs(self, place: int) -> list[int]:
        """Return the sentences that are nearest to this part, of all that are explained or advised, and near enough."""
        if not self._told:
            return []
        rivals = [at for at, part in enumerate(self._parts) if part.kind in (PartKind.EXPLAIN, PartKind.ADVISE)]
        near = np.stack([self._near[at].max(axis=1) + self._lean(at) for at in rivals])
        own = near[rivals.index(place)]
        return [at for at in range(len(self._told)) if own[at] >= BELONGS and own[at] >= near[:, at].max()]

    def _lean(self, place: int) -> NDArray[np.float64]:
        """Return what speaks for a part by what a sentence does: advice is advice."""
        fits = {PartKind.EXPLAIN: {Act.EXPLANATION, Act.BAD_NEWS}, PartKind.ADVISE: {Act.ADVICE, Act.PROPOSAL}}
        wanted = fits[self._parts[place].kind]
        return np.array([LEAN if sentence.act in wanted else 0.0 for sentence in self._told])

    def _explained(self, place: int) -> _Found:
        found = self._belongs(place)
        words = sum(len(self._told[at].text.split()) for at in found)
        best = max((float(self._near[place][at].max()) for at in found), default=0.0)
        evidence = self._shown(place, found, "explained")
        if words >= EXPLANATION_WORDS and best >= CLEAR and len(found) > 1:
            return _Found(2, evidence)
        return _Found(1 if words >= HINT_WORDS else 0, evidence)

    def _advised(self, place: int) -> _Found:
        found = self._belongs(place)
        part = self._parts[place]
        words = sum(len(self._told[at].text.split()) for at in found)
        near = self._near[place][found] if found else np.zeros((0, len(part.phrases)))
        named = len(part.aspects) + len(part.examples)
        covered = int((near[:, 1:] >= COVERS).any(axis=0).sum()) if named else 0
        enough = min(COVERED_LEAST, named)
        evidence = self._shown(place, found, "advised")
        if words >= (ADVICE_WORDS if len(found) > 1 else ADVICE_IN_ONE_WORDS) and covered >= enough:
            return _Found(2, evidence)
        return _Found(1 if words >= HINT_WORDS else 0, evidence)

    def _shown(self, place: int, found: Sequence[int], kind: str) -> tuple[Evidence, ...]:
        nearest = sorted(found, key=lambda at: -float(self._near[place][at].max()))[:MOST_SHOWN]
        return tuple(self._told[at].shows(kind) for at in sorted(nearest))


def _tells(sentence: Sentence) -> bool:
    """Tell whether a sentence may explain or advise: it asks nothing, and is more than a courtesy."""
    if (
        sentence.text.endswith("?")
        or sentence.act in _TELLS_NOTHING
        or only_announces(sentence.text)
        or only_promises(sentence.text)
    ):
        return False
    return len(sentence.text.split()) >= _LEAST_WORDS


def _likeness(vectors: Vectors, others: Vectors) -> Matrix:
    return np.asarray(vectors @ others.T, dtype=np.float64) if len(vectors) else np.zeros((0, len(others)))
