"""Whether a reply is faithful to the card, by a script that shares no code with the guard.

A reply is not faithful if it tells an unreleased fact (what `eval leaks` finds, single words left out), or says what
the card does not: a number or a name that nobody gave; yes or no where the card says the other, or nothing; what was
told, turned into its opposite. The script knows no meaning: an invention in plain words ("I have a sister") slips
through.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bench.guard.guard_measure import words_of
from bench.guard.unreleased import Finder, ReplyRow
from bench.minds.mind_reply import MindReply
from pipelines.patient.card import Card

_YES = frozenset({"yes", "yeah", "yep", "yup", "sure", "certainly", "absolutely"})
_NO = frozenset({"no", "nope", "nah"})
_NOT = frozenset(
    "not no never nothing nobody none neither nor don't doesn't didn't isn't aren't wasn't can't won't".split()
)
_NUMBER = re.compile(r"\d+(?:\.\d+)?|\b(?:three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty"
                     r"|fifty|sixty|seventy|eighty|ninety|hundred|thousand)\b")  # fmt: skip
# A name stands in the middle of a sentence, behind a small word.
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}\b")
_WORD = re.compile(r"[a-z']+")
_CLOSED = re.compile(
    r"^(?:do|does|did|are|is|was|were|have|has|had|can|could|will|would)\b"
    r"|\b(?:right|correct)\?$|n't (?:you|he|she|it)\?$"
)
# Of the telling words of what was told, so many in a reply that denies it.
_SAME_SHARE = 0.6
_LEAST_WORDS = 3
# To these a patient says yes or no of themselves.
_ASKED_FOR_CONSENT = frozenset({"permission", "proposal", "check", "readiness", "summary", "teach_back"})


def unfaithful(finder: Finder, card: Card, reply: MindReply) -> list[str]:
    """Return what is wrong with a reply, in words; empty for a faithful one."""
    row = ReplyRow(
        card=reply.card,
        reply=reply.reply,
        question=reply.question,
        release=reply.release,
        cue=reply.cue,
        fact=reply.fact,
        told=reply.told,
        history=reply.history,
    )
    found = [f"tells {each.item} ({', '.join(each.words)})" for each in finder.find(row) if each.kind != "word"]
    return [*found, *_against_the_card(card, reply)]


def _against_the_card(card: Card, reply: MindReply) -> Iterator[str]:
    given = " ".join([reply.question, reply.release, *reply.history, *_all_texts(card)])
    for number in sorted(set(_NUMBER.findall(reply.reply.lower())) - set(_NUMBER.findall(given.lower()))):
        yield f"invents a number ({number})"
    for name in sorted(set(_NAME.findall(reply.reply)) - set(re.findall(r"[A-Z][a-z]+", given))):
        yield f"invents a name ({name})"
    said, released = _first(reply.reply), _first(reply.release)
    if said and released and said != released:
        yield f"says {said} where the card says {released}"
    asks = _CLOSED.search(re.split(r"(?<=[.!?]) ", reply.question.strip().lower())[-1]) is not None
    if said and not released and not reply.tells and asks and reply.act not in _ASKED_FOR_CONSENT:
        yield f"says {said} where the card says nothing"
    yield from _opposites(reply)


def _opposites(reply: MindReply) -> Iterator[str]:
    told = [*reply.history, *([reply.release] if reply.tells else [])]
    for sentence in re.split(r"(?<=[.!?]) ", reply.reply):
        own = words_of(sentence)
        for text in (one for whole in told for one in re.split(r"(?<=[.!?]) ", whole)):
            telling = words_of(text)
            if len(telling) < _LEAST_WORDS or len(own & telling) < _SAME_SHARE * len(telling):
                continue
            if _denies(sentence) != _denies(text):
                yield f"turns round what was told ({text})"


def _denies(text: str) -> bool:
    return bool(_NOT & set(_WORD.findall(text.lower().replace("’", "'"))))


def _first(text: str) -> str:
    """Return yes or no if a text begins with it; else nothing."""
    # "No idea" is neither.
    word = next(iter(_WORD.findall(re.sub(r"^no idea\b", "", text.lower()))), "")
    return "yes" if word in _YES else "no" if word in _NO else ""


def _all_texts(card: Card) -> Iterator[str]:
    yield from (card.title, card.setting, card.candidate.role, card.candidate.background)
    yield from (card.patient.name, str(card.patient.age))
    for cue in card.cues:
        yield from cue.says
    for fact in card.facts:
        yield from fact.says
    for _, variants in card.lines:
        yield from variants
