"""What a clause's words alone give away: the card's texts, numbers, terms, names, and what contradicts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache

from pipelines.intent.acts import Act
from pipelines.intent.words import stem
from pipelines.patient.guard.guard_evidence import NOTHING_TOLD, GuardEvidence, GuardItem
from pipelines.patient.guard.guard_rules import GuardRules, TermKind
from pipelines.patient.guard.guard_words import SaidText, names_in, pieces, said
from pipelines.patient.guard.verdict import GuardAction, GuardFinding, GuardRule

MayBeNamed = Callable[[TermKind, str], bool]
FEW = 2.0
"""A number up to this may be a figure of speech: "twice", "a couple", "the two of us"."""
# A round number so near to one that was told is that number: "about a hundred and thirty" for 129.
ROUGHLY = 1.25
_ROUND = (5.0, 12.0)
# So many telling words of an item, all of a clause's, are that item however short the clause is.
SHARE_OF_ITEM = 0.8
_YES = re.compile(
    r"^\W*(?:(?:um|uh|er|oh|well|so|honestly|okay|ok|right)\W+)*"
    r"(?:yes|yeah|yep|yup|sure(?! you)|exactly|correct|indeed|absolutely|definitely|certainly|true"
    r"|that'?s (?:right|true|correct|it)|i (?:do|am|have|did|was)\b(?!n)|(?:he|she|it) (?:does|is|has|did)\b(?!n)"
    r"|you'?re right|guilty)\b",
    re.IGNORECASE,
)
_NO = re.compile(
    r"^\W*(?:(?:um|uh|er|oh|well|so|honestly|okay|ok)\W+)*"
    r"(?:no|nope|nah|never|not at all|none|i (?:don't|do not|haven't|have not|didn't|am not|'m not)"
    r"|(?:he|she|it) (?:doesn't|isn't|hasn't|didn't))\b",
    re.IGNORECASE,
)
_SAYS_YES = re.compile(r"^\W*(?:(?:well|oh|um)\W+)*(?:yes|yeah|yep|i (?:do|have|am)\b(?=\W*[,.]))", re.IGNORECASE)
_SAYS_NO = re.compile(r"^\W*(?:(?:well|oh|um)\W+)*(?:no|nope|nah|never|none|not at all)\b", re.IGNORECASE)
_YES_OR_NO_QUESTION = re.compile(
    r"(?:^|[.,!?;:]\s*|\b(?:and|so|but|or|also|okay|right)\s+)(?:is|are|was|were|do|does|did|have|has|had|can|could|will|would"
    r"|any|ever)\b|(?:n't|\bright|\bcorrect|\btrue|\byes|\bno|\bit|\byou)\W*\?\s*$",
    re.IGNORECASE,
)
# Who knows nothing, or wants to say nothing, asserts nothing.
_NOT_KNOWN = re.compile(
    r"\b(?:idea|clue|know|sure|tell you|say|remember|recall|notice[d]?|thought|aware|comment|rather|matter|track"
    r"|attention|mind|thank|thanks|follow|understand|think of|think so|hurry|problem|worr(?:y|ies)|need|questions?"
    r"|anything|nothing|trouble|bother)\b",
    re.IGNORECASE,
)
# "No, it doesn't" answers, "No red patches" tells.
_LEADING = re.compile(
    r"^\W*(?:(?:oh|well|um|uh|er)\W+)*(?:(?:nope|nah|yes|yeah)\b[,.!]*|no(?:[,.!]+|\s*$))\s*", re.IGNORECASE
)
_NEGATION = re.compile(r"\b(?:no|not|never|none|nobody|nothing|neither|nor|hardly|barely)\b|n't\b", re.IGNORECASE)


def read_wording(
    clause: SaidText,
    evidence: GuardEvidence,
    rules: GuardRules,
    *,
    clinical: bool = True,
    may_be_named: MayBeNamed | None = None,
    surely_told: bool = False,
) -> Iterator[GuardFinding]:
    """Yield what the words of a clause break; `clinical`: what was asked may be about the patient's case.

    `may_be_named` says which terms, though nobody has named them, are left to what the clause means. Where nothing else
    reads its meaning, none are. `surely_told`: it means nothing that is hidden, so it may share a few words with it.
    """
    yield from _verbatim(clause, evidence, rules, surely_told=surely_told)
    yield from _numbers(clause, evidence, rules, least=0.0 if may_be_named is None else FEW)
    yield from _terms(clause, evidence, rules, may_be_named)
    yield from _names(clause, evidence, rules)
    yield from _answers(clause, evidence, rules, clinical=clinical)
    yield from _opposites(clause, evidence, rules)


# ------------------------------------------------------------------ the card's texts


def _verbatim(
    clause: SaidText, evidence: GuardEvidence, rules: GuardRules, *, surely_told: bool
) -> Iterator[GuardFinding]:
    run = rules.thresholds.verbatim_words
    allowed = {word_run for text in (*evidence.told, *evidence.knowledge.public) for word_run in runs(text, run)}
    echoed = {word_run for text in evidence.echoed for word_run in runs(text, run)}
    anybodys = () if clause.heavy else rules.examples.harmless
    known = {said(text).words for text in (*evidence.told, *evidence.knowledge.public, *evidence.echoed, *anybodys)}
    tells = clause.heavy or clause.numbers or len(clause.words) >= run - 1
    if not tells or clause.words in known:
        return
    own = frozenset() if surely_told else runs(clause.text, run) - allowed - echoed
    for item in evidence.hidden:
        for text in item.texts:
            whole = any(said(piece).words == clause.words for piece in pieces(text))
            if whole or any(_telling(shared, evidence) for shared in own & runs(text, run)):
                action = rules.action(GuardRule.VERBATIM)
                yield GuardFinding(GuardRule.VERBATIM, action, f"says '{item.id}' in the card's words")
                return


@lru_cache(maxsize=8192)
def runs(text: str, length: int) -> frozenset[tuple[str, ...]]:
    """Return all so many words in a row of a text."""
    words = said(text).words
    return frozenset(words[start : start + length] for start in range(len(words) - length + 1))


def _telling(run: tuple[str, ...], evidence: GuardEvidence) -> bool:
    """Whether words in a row tell anything: "I don't know what" is of many texts."""
    return bool(said(" ".join(run)).heavy - evidence.told_stems)


def hidden_words(clause: SaidText, evidence: GuardEvidence) -> tuple[int, GuardItem | None]:
    """Return how many telling words of one hidden item a clause has that nobody has said, and of which item."""
    heavy = clause.heavy - evidence.told_stems - evidence.echoed_stems
    best, most = None, 0
    for item in evidence.hidden:
        count = len(heavy & item.stems)
        if count > most:
            best, most = item, count
    return most, best


# ------------------------------------------------------------------ numbers, terms, names


def new_numbers(clause: SaidText, evidence: GuardEvidence) -> list[float]:
    """Return the numbers of a clause that nobody has said, the smallest first."""
    known = evidence.told_numbers | evidence.echoed_numbers
    if clause.text.rstrip().endswith("?"):
        known |= evidence.asked.numbers
    # Near to what is printed on the card, such as an age, is no reason to name another number.
    said_here = evidence.heard_numbers | evidence.echoed_numbers
    return sorted(number for number in clause.numbers - known if not _is_roughly(number, said_here))


def _is_roughly(number: float, known: Iterable[float]) -> bool:
    if not any(number % step == 0.0 for step in _ROUND):
        return False
    return any(max(number, other) <= ROUGHLY * min(number, other) for other in known)


def _numbers(clause: SaidText, evidence: GuardEvidence, rules: GuardRules, *, least: float) -> Iterator[GuardFinding]:
    if new := [number for number in new_numbers(clause, evidence) if number > least]:
        told = ", ".join(f"{number:g}" for number in new)
        yield GuardFinding(GuardRule.NUMBER, rules.action(GuardRule.NUMBER), f"nobody has said {told}")


@lru_cache(maxsize=64)
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(patterns)})\b", re.IGNORECASE)


def new_terms(clause: SaidText, evidence: GuardEvidence, rules: GuardRules) -> Iterator[tuple[TermKind, str]]:
    """Yield the kind and the word of the first term of a clause, of each kind, that nobody has named."""
    known = evidence.told_stems | evidence.echoed_stems
    texts = " ".join((*evidence.told, *evidence.echoed, *evidence.knowledge.public)).lower()
    asks = clause.text.rstrip().endswith("?") or (_NOT_KNOWN.search(clause.text) and _NEGATION.search(clause.text))
    if asks:
        known |= evidence.asked.stems
    for kind, patterns in rules.terms.items():
        if not patterns:
            continue
        for found in _compiled(patterns).finditer(clause.text):
            words = said(found[0]).stems or {stem(found[0].lower())}
            if not words <= known and found[0].lower() not in texts:
                yield kind, found[0].lower()
                break


def _terms(
    clause: SaidText, evidence: GuardEvidence, rules: GuardRules, may_be_named: MayBeNamed | None
) -> Iterator[GuardFinding]:
    for kind, word in new_terms(clause, evidence, rules):
        if may_be_named is not None and may_be_named(kind, word):
            continue
        yield GuardFinding(GuardRule.TERM, rules.action(GuardRule.TERM), f"nobody has named the {kind} '{word}'")


def new_names(clause: SaidText, evidence: GuardEvidence, rules: GuardRules) -> list[str]:
    """Return the names in a clause that nobody has named, in lower case."""
    names = names_in(clause.text)
    if not names:
        return []
    known = evidence.knowledge.public_names | {word.lower() for word in rules.capitalised}
    known |= {word for text in (*evidence.told, *evidence.echoed, evidence.asked.text) for word in said(text).words}
    stems = {stem(word) for word in known}
    return [name for name in names if name not in known and stem(name) not in stems]


def _names(clause: SaidText, evidence: GuardEvidence, rules: GuardRules) -> Iterator[GuardFinding]:
    for name in new_names(clause, evidence, rules)[:1]:
        yield GuardFinding(GuardRule.NAME, rules.action(GuardRule.NAME), f"nobody has named '{name}'")


# ------------------------------------------------------------------ contradictions


def _answers(clause: SaidText, evidence: GuardEvidence, rules: GuardRules, *, clinical: bool) -> Iterator[GuardFinding]:
    """A yes or no that the release does not give: it tells, or says otherwise."""
    if evidence.act not in NOTHING_TOLD or _NOT_KNOWN.search(clause.text):
        return
    yes, no = _YES.search(clause.text), _NO.search(clause.text)
    release = evidence.release_text
    known = _NOT_KNOWN.search(release) is None
    released_yes, released_no = known and _SAYS_YES.search(release), known and _SAYS_NO.search(release)
    action = rules.action(GuardRule.CONTRADICTION)
    if yes and released_no:
        yield GuardFinding(GuardRule.CONTRADICTION, action, "says yes, and the release says no")
    elif no and not yes and released_yes:
        yield GuardFinding(GuardRule.CONTRADICTION, action, "says no, and the release says yes")
    elif (yes or no) and not (released_yes or released_no) and _is_yes_or_no_question(evidence):
        # Whether somebody came by car is nobody's secret, and what says more is judged by what it says.
        bare = not without_answer(clause.text).strip() or not said(without_answer(clause.text)).heavy
        action = action if (clinical and bare) or action is GuardAction.ALLOW else GuardAction.WARN
        yield GuardFinding(GuardRule.CONTRADICTION, action, "says yes or no, and the release does not")


def _is_yes_or_no_question(evidence: GuardEvidence) -> bool:
    """Whether something was asked that nothing is released for, and that yes or no answers."""
    asks = evidence.act in (Act.UNKNOWN, Act.UNSURE)
    return asks and _YES_OR_NO_QUESTION.search(evidence.asked.text) is not None


def names_term(text: str, rules: GuardRules) -> bool:
    """Whether a text names a symptom, a drug, a diagnosis, an allergy or a relative."""
    return any(_compiled(patterns).search(text) for patterns in rules.terms.values() if patterns)


def without_answer(text: str) -> str:
    """Return a text without the yes or no before it."""
    return _LEADING.sub("", text)


def _opposites(clause: SaidText, evidence: GuardEvidence, rules: GuardRules) -> Iterator[GuardFinding]:
    """The other side, the other time of day, another relative than what was told."""
    if not evidence.release_text or not clause.heavy:
        return
    told = [said(text) for text in (evidence.release_text,)]
    words = set(clause.words)
    # The same is told in several ways, and one of them may have both.
    named = {word for text in evidence.told for word in said(text).words}
    for one, other in rules.opposites:
        for here, there in ((one, other), (other, one)):
            if here not in words or there in words or here in named:
                continue
            for text in told:
                shared = (clause.heavy & text.heavy) - {stem(here), stem(there)}
                if there in text.words and here not in text.words and shared:
                    detail = f"says '{here}', and the release says '{there}'"
                    yield GuardFinding(GuardRule.CONTRADICTION, rules.action(GuardRule.CONTRADICTION), detail)
                    return


def negates(text: str) -> bool:
    """Whether a text denies something."""
    return _NEGATION.search(text) is not None


def read_phrases(clause: str, rules: GuardRules) -> Iterator[GuardFinding]:
    """Yield what a clause breaks by a phrase that the rules name."""
    for name, patterns in rules.phrases.items():
        found = _compiled_phrases(patterns).search(clause) if patterns else None
        if found is not None:
            rule = GuardRule(name)
            yield GuardFinding(rule, rules.action(rule), f"'{found[0].strip()}'")


@lru_cache(maxsize=64)
def _compiled_phrases(patterns: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)
