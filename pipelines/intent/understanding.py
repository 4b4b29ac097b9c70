"""From a candidate's turn to what it is taken for: an intent, the cues it may ask for, and a reason in words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.engines import Word
from pipelines.intent import intents
from pipelines.intent.acts import Act
from pipelines.intent.matching import CueScore, WordCardIndex
from pipelines.intent.phrases import closest_phrase, opens_like_question
from pipelines.intent.unintelligible import why_unintelligible
from pipelines.intent.words import FUNCTION_WORDS, SentenceWords, sentences

# With a question's opening, this much lexical evidence names the cue.
ASKED_FLOOR = 0.40
# Without one ("any pain", "you smoke at all") so much does, and only in a short turn.
BARE_FLOOR = 0.55
# Where another reading fits too ("what worries you"), a cue must fit clearly better.
PATTERN_FLOOR = 0.62
# A check ("is that clear so far") shares little with questions about a cue.
CHECK_BELOW = 0.70
# From here on a volunteered cue was asked for in nearly its trigger's words.
HARDLY = 0.90
SURE = 0.80  # a match that no pattern outweighs
# A turn of no more words may be a question although its opening was not recognised.
SHORT_WORDS = 14
# Spoken questions are shorter; what follows belongs to something else.
STRETCH_WORDS = 18
CHAIN_WORDS = 2  # openings that follow one another this closely are one
ENDING_WORDS = 12  # where leave is taken and understanding is checked
CONDITION_WORDS = 10  # of a clause before the question that depends on it
# A question without a topic of its own refers back to so many words before it.
CONTEXT_WORDS = 8
# A question further from the end has been overtaken by what was said since.
TAIL_WORDS = 26
ELLIPSIS_WORDS = 5  # "and the blue inhaler"
# A longer turn must sound like a trigger, all of which are questions.
QUESTION_SOUND = 0.70
_COUNTED = frozenset("times time days day weeks week months month years year hours hour nights long often".split())
_ASKS = frozenset("when how often long many much".split())


@dataclass(frozen=True, slots=True)
class Understanding:
    """What a turn was taken for; `ranking` holds every cue's score for the stretch that decided, best first."""

    act: Act
    score: float
    reason: str
    ranking: tuple[CueScore, ...] = ()
    # A bare question was taken for a question by its words alone, without a question's form.
    bare: bool = False


@dataclass(frozen=True, slots=True)
class _Stretch:
    words: tuple[str, ...]
    # An explicit stretch opens like a question, or was written with a question mark.
    explicit: bool
    after: int  # words between its end and the end of the turn


def understand(text: str, *, index: WordCardIndex, words: Sequence[Word] = (), first: bool = False) -> Understanding:
    """Return what the candidate's turn `text` is taken for, by the card's index.

    `words` may carry the recogniser's confidences; `first` says that the patient hasn't spoken yet.
    """
    said = sentences(text)
    spoken = tuple(word for sentence in said for word in sentence.words)
    doubt = why_unintelligible(spoken, words)
    if doubt:
        return Understanding(Act.UNINTELLIGIBLE, 0.0, doubt)
    whole = " ".join(spoken)
    tail = " ".join(spoken[-STRETCH_WORDS:])
    if len(spoken) <= SHORT_WORDS + 2 and intents.REPEAT.search(whole) and not intents.NOT_REPEAT.search(whole):
        return Understanding(Act.REPEAT, 0.9, f"asks to repeat: '{_found(intents.REPEAT, whole)}'")
    stretches = _stretches(said, spoken)
    explicit = [stretch for stretch in stretches if stretch.explicit]
    question = max(explicit, key=lambda stretch: len(stretch.words) + stretch.after, default=None)
    asked = " ".join(spoken[-(len(question.words) + question.after) :]) if question else tail
    ranking, stretch = _best(stretches, index)
    top = ranking[0]
    special = _special(
        whole,
        asked,
        tail,
        top=top,
        first=first,
        asks=bool(explicit),
        general=index.is_general(stretch.words),
        volunteered=top.cue in index.volunteered,
    )
    if special is not None:
        return Understanding(special.act, special.score, special.reason, tuple(ranking))
    if stretch.explicit and top.score >= ASKED_FLOOR:
        return Understanding(Act.CUE, top.score, explain(ranking), tuple(ranking))
    advice = intents.count_advice(tail)
    near = closest_phrase(spoken) if len(spoken) <= SHORT_WORDS else None
    if near is not None and near[2] > top.score:
        return Understanding(near[0], near[2], f"sounds like '{near[1]}' {near[2]:.2f}", tuple(ranking))
    if not explicit and len(spoken) <= SHORT_WORDS and not advice:
        shaped = len(spoken) <= ELLIPSIS_WORDS or opens_like_question(spoken) or top.phrase >= QUESTION_SOUND
        if top.score >= (BARE_FLOOR if shaped else SURE):
            reason = explain(ranking) + ", no clear question form"
            return Understanding(Act.CUE, top.score, reason, tuple(ranking), bare=True)
    if explicit:
        if index.is_general(stretch.words) and _is_request(asked):
            return Understanding(Act.OPEN, 0.6, f"a question about all of it: '{asked}'", tuple(ranking))
        return Understanding(Act.UNKNOWN, 1.0 - top.score, "nothing on the card fits; best " + explain(ranking))
    if first and not advice and len(spoken) <= SHORT_WORDS and intents.ADDRESS.search(whole):
        return Understanding(Act.GREETING, 0.6, f"addresses the patient: '{_found(intents.ADDRESS, whole)}'")
    if intents.GREETING.search(whole) and (first or len(spoken) <= SHORT_WORDS):
        return Understanding(Act.GREETING, 0.9, f"greets: '{_found(intents.GREETING, whole)}'")
    return Understanding(Act.STATEMENT, 1.0 - min(top.score, 0.9), f"{len(spoken)} words that ask nothing")


def explain(ranking: Sequence[CueScore]) -> str:
    """Return the best match and its runner-up in words, for the examiner."""
    text = f"matched '{ranking[0].trigger}' ({ranking[0].cue}) {ranking[0].score:.2f}"
    if len(ranking) > 1 and ranking[1].score > 0.05:
        text += f"; runner-up '{ranking[1].trigger}' ({ranking[1].cue}) {ranking[1].score:.2f}"
    return text


def _special(
    whole: str, asked: str, tail: str, *, top: CueScore, first: bool, asks: bool, general: bool, volunteered: bool
) -> Understanding | None:
    """Return an intent told by its wording, where it outweighs the best cue; the first in this order wins."""
    ending = " ".join(tail.split()[-ENDING_WORDS:])
    may_ask = asks or len(whole.split()) <= SHORT_WORDS
    permission = intents.PERMISSION.search(tail)
    if permission and any(start >= permission.end() for start in intents.question_starts(tail)):
        # "Is it okay if I ask you: do you smoke?" asks about smoking.
        permission = None
    identity = intents.IDENTITY_NAME.search(asked) or intents.IDENTITY_AGE.search(asked)
    wellbeing = Act.GREETING if first else Act.OPEN
    greets = intents.GREETING.search(whole) if first else None
    always = 1.01
    readings: tuple[tuple[Act, re.Match[str] | None, float, str], ...] = (
        (Act.FAREWELL, intents.FAREWELL.search(ending), PATTERN_FLOOR if asks else always, "takes leave"),
        (Act.PERMISSION, permission, always, "asks permission"),
        (Act.IDENTITY, identity, SURE, "asks for name or age"),
        (Act.INVITATION, intents.ANYTHING_ELSE.search(ending), SURE, "invites"),
        (
            Act.INVITATION,
            intents.INVITATION.search(asked) if may_ask else None,
            SURE if volunteered else PATTERN_FLOOR,
            "invites",
        ),
        (Act.GREETING, greets and intents.OFFER.search(asked), always, "greets and offers help"),
        (Act.OPEN, intents.OPEN_SURE.search(asked), always, "open question"),
        (Act.INVITATION, intents.INVITATION_SURE.search(asked), HARDLY if volunteered else always, "invites"),
        (Act.CHECK, intents.PROPOSAL.search(asked) if asks else None, always, "proposes"),
        (Act.OPEN, intents.OPEN.search(asked), SURE if general else PATTERN_FLOOR, "open question"),
        (Act.CHECK, intents.CHECK.search(ending), CHECK_BELOW, "checks"),
        (Act.CHECK, None if asks else intents.CHECK_TAG.search(ending), CHECK_BELOW, "checks"),
        (wellbeing, intents.WELLBEING.search(asked), PATTERN_FLOOR, "asks how the patient is"),
    )
    for intent, match, limit, what in readings:
        if match is not None and top.score < limit:
            return Understanding(intent, 0.85, f"{what}: '{match.group()}'")
    return None


def _stretches(said: Sequence[SentenceWords], spoken: tuple[str, ...]) -> list[_Stretch]:
    """Return the stretches of the turn's last words that may be a question, in order; at least one."""
    found: list[_Stretch] = []
    after = len(spoken)
    for sentence in said:
        after -= len(sentence.words)
        if after > TAIL_WORDS:
            continue
        line = " ".join(sentence.words)
        starts = _unchained([line.count(" ", 0, start) for start in intents.question_starts(line)])
        if sentence.marked and not starts:
            starts = [max(0, len(sentence.words) - STRETCH_WORDS)]
        if not starts and intents.TAG.search(line) and len(sentence.words) <= STRETCH_WORDS:
            starts = [0]
        for start in starts:
            words = _until_telling(sentence.words[start : start + STRETCH_WORDS])
            if found and found[-1].explicit and _only_counts(words):  # "do you take it, and on how many days a week?"
                words = (*sentence.words[max(0, start - CONTEXT_WORDS) : start], *words)
            begin = _condition(sentence.words, start)
            words = (*sentence.words[begin:start], *words)
            behind = after + max(0, len(sentence.words) - start - len(words))
            if not _has_content(words):  # "you have a cut there, what did you do?"
                begin = len(spoken) - after - len(sentence.words) + start
                words = (*spoken[max(0, begin - CONTEXT_WORDS) : begin], *words)
            if behind <= TAIL_WORDS:
                found.append(_Stretch(words, True, behind))
    if not found:
        found.append(_Stretch(spoken[-STRETCH_WORDS:], False, 0))
    return found[-6:]


def _only_counts(words: Sequence[str]) -> bool:
    """Tell whether the words ask how many or how long and name no topic."""
    return all(word in FUNCTION_WORDS or word in _COUNTED for word in words)


def _condition(words: tuple[str, ...], start: int) -> int:
    """Return where the clause begins on which the question at `start` depends ("when you run, do you cough?")."""
    if start > CONDITION_WORDS:
        return start
    line = " ".join(words[:start])
    match = intents.CONDITION.search(line)
    return start - len(line[match.start("clause") :].split()) if match else start


def _until_telling(words: tuple[str, ...]) -> tuple[str, ...]:
    line = " ".join(words)
    match = intents.TELLING.search(line, len(" ".join(words[:2])))
    return words[: line.count(" ", 0, match.start())] if match else words


def _unchained(starts: list[int]) -> list[int]:
    """Return the starts of questions without those inside an opening ("can you | tell me | how often | do you")."""
    kept: list[int] = []
    previous = -CHAIN_WORDS - 1
    for start in starts:
        if start - previous > CHAIN_WORDS:
            kept.append(start)
        previous = start
    return kept


def _best(stretches: list[_Stretch], index: WordCardIndex) -> tuple[list[CueScore], _Stretch]:
    best: tuple[float, list[CueScore], _Stretch] | None = None
    for stretch in stretches:
        ranking = index.rank(stretch.words)
        weight = ranking[0].score * (1.0 - stretch.after / (3.0 * TAIL_WORDS))
        if best is None or weight > best[0]:
            best = (weight, ranking, stretch)
    assert best is not None  # noqa: S101 - there is at least one stretch
    return best[1], best[2]


def _is_request(asked: str) -> bool:
    return any(word in asked.split() for word in ("tell", "describe", "explain", "about", "hear", "know"))


def _found(pattern: intents.Pattern, text: str) -> str:
    match = pattern.search(text)
    return match.group() if match else ""


def _has_content(words: Sequence[str]) -> bool:
    """Tell whether any of the words carries a topic; "how often" and "when" ask about one that was named before."""
    return any(word not in FUNCTION_WORDS and word not in _ASKS for word in words)
