"""The guard of one server: reads each clause of a generated reply and says whether the voice may have it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from common.errors import EngineError
from pipelines.engines import HistoryItem, Release
from pipelines.intent.acts import Act
from pipelines.intent.exemplars import SUPPLIED as EXEMPLARS
from pipelines.intent.exemplars import exemplars_of
from pipelines.intent.vectors import Remembering, Vectoriser
from pipelines.patient.card import Card
from pipelines.patient.guard.card_vectors import CardVectors, Near
from pipelines.patient.guard.clause_meaning import ClauseMeaning, may_be_named, meaning_of
from pipelines.patient.guard.guard_evidence import CardKnowledge, GuardEvidence, evidence_of
from pipelines.patient.guard.guard_rules import GuardRules
from pipelines.patient.guard.guard_wording import (
    MayBeNamed,
    hidden_words,
    names_term,
    negates,
    read_phrases,
    read_wording,
    without_answer,
)
from pipelines.patient.guard.guard_words import SaidText, pieces, said
from pipelines.patient.guard.language import other_language
from pipelines.patient.guard.markup import spoken_text
from pipelines.patient.guard.rules_file import RulesFile
from pipelines.patient.guard.speech_kinds import SpeechKinds
from pipelines.patient.guard.verdict import GuardAction, GuardFinding, GuardRule, Verdict, verdict_of

CLINICAL = frozenset(
    {
        Act.CUE, Act.OPEN, Act.INVITATION, Act.READINESS, Act.TEACH_BACK, Act.CHECK, Act.PROPOSAL, Act.EXPLANATION,
        Act.ADVICE, Act.REASSURANCE, Act.EMPATHY,
    }
)  # fmt: skip
"""What somebody who treats says, and a patient does not."""

# So many cards are kept ready: 1.5 MiB each.
CARDS = 64


# A clause so near to what was said takes it up.
TAKEN_UP = 0.5
# A question so near to something hidden may be about it.
ASKED_NEAR = 0.55


class Reader:
    """Reads the clauses of one reply in order: what it lets through may be said again."""

    def __init__(self, guard: Guard, evidence: GuardEvidence, card: CardVectors | None) -> None:
        self._guard = guard
        self._evidence = evidence
        self._card = card
        self._spoken: list[str] = []

    def read(self, clause: str) -> Verdict:
        """Return what is to be done with the reply's next clause."""
        verdict = self._guard.judge(clause, self._evidence, self._card, self._spoken)
        if verdict.text:
            self.let_through(verdict.text)
        return verdict

    def let_through(self, clause: str) -> None:
        """Note what the reply has said, whoever let it through."""
        self._spoken.append(clause)
        self._evidence = self._evidence.after(clause)

    def other_rule(self, clause: str) -> str:
        """Return the rule that blocks a clause at this moment beside `unreleased`, and why; empty if none does."""
        found = self._guard.other_findings(
            said(clause), self._evidence, self.meaning(clause), card=self._card, spoken=self._spoken
        )
        blocking = (finding for finding in found if finding.action is GuardAction.BLOCK)
        return next((f"{finding.rule}: {finding.detail}" for finding in blocking), "")

    def meaning(self, clause: str) -> ClauseMeaning:
        """Return what a clause means at this moment; raises EngineError without a text encoder."""
        return self._guard.meaning(said(clause), self._evidence, self._card)


class Guard:
    """Reads clauses against cards; with a text encoder by their meaning too, without one by their words alone."""

    def __init__(
        self, rules: RulesFile, encoder: Vectoriser | None = None, *, examples: Vectoriser | None = None
    ) -> None:
        """Take the rules and what makes vectors; `examples` makes those of the rules' examples (from a file)."""
        self._file = rules
        self._encoder = encoder
        self._examples = examples or encoder
        self._near = Near(encoder) if encoder is not None else None
        self._kinds: SpeechKinds | None = None
        self._learned_from: object = None
        # Several replies may be read at once.
        self._lock = threading.RLock()
        self._cards: OrderedDict[str, tuple[Card, CardKnowledge, CardVectors | None]] = OrderedDict()

    @property
    def rules(self) -> GuardRules:
        """The rules as they stand."""
        return self._file.rules

    @property
    def digest(self) -> str:
        """What names the rules in the log."""
        return self._file.digest

    @property
    def by_words_alone(self) -> bool:
        """Whether there is no text encoder."""
        return self._encoder is None

    def warm(self) -> None:
        """Load the encoder and learn from the examples (seconds)."""
        if self._encoder is not None:
            self._encoder.load()
            self._learn()

    def index(self, card: Card) -> None:
        """Get ready for a card, so that its first clause is read as fast as the later ones."""
        self._ready(card)

    def begin(self, card: Card, *, release: Release, history: Sequence[HistoryItem], question: str) -> Reader:
        """Return what reads the clauses of one reply; rules that have changed hold from here on."""
        with self._lock:
            changed = self._file.refresh()
        if changed:
            self.warm()
        knowledge, vectors = self._ready(card)
        return Reader(self, evidence_of(knowledge, release=release, history=history, question=question), vectors)

    def read(
        self, clause: str, card: Card, *, release: Release, history: Sequence[HistoryItem] = (), question: str = ""
    ) -> Verdict:
        """Return what is to be done with a clause that begins a reply."""
        return self.begin(card, release=release, history=history, question=question).read(clause)

    def judge(self, clause: str, evidence: GuardEvidence, card: CardVectors | None, spoken: Sequence[str]) -> Verdict:
        """Return what is to be done with a clause; `spoken` is what the same reply has said."""
        rules = self.rules
        if not rules.enabled:
            return Verdict(GuardAction.ALLOW, clause)
        cleaned = spoken_text(clause)
        findings = list(_written(cleaned.stage, cleaned.markup, rules))
        if not cleaned.text:
            return verdict_of("", findings, {})
        clause_said = said(cleaned.text)
        if evidence.knowledge.card.is_free:
            found_here = [*findings, *self._plain(clause_said, spoken), *read_phrases(cleaned.text, rules)]
            held = [replace(found, action=rules.action_freely(found.rule)) for found in found_here]
            return verdict_of(cleaned.text, _counting(held), {})
        meaning = self.meaning(clause_said, evidence, card) if card is not None else None
        surely_told = meaning is not None and meaning.probability < rules.thresholds.unreleased_warn
        findings += self.other_findings(
            clause_said, evidence, meaning, card=card, spoken=spoken, surely_told=surely_told
        )
        scores: dict[str, float] = {}
        if meaning is not None:
            scores["unreleased"] = round(meaning.probability, 3)
            findings += _tells_too_much(meaning, rules)
        else:
            findings += _of_words(clause_said, evidence, rules)
        return verdict_of(cleaned.text, _counting(findings), scores)

    def other_findings(
        self,
        clause: SaidText,
        evidence: GuardEvidence,
        meaning: ClauseMeaning | None,
        *,
        card: CardVectors | None,
        spoken: Sequence[str],
        surely_told: bool = False,
    ) -> Iterator[GuardFinding]:
        """Yield what a clause breaks beside the rule `unreleased`; `surely_told`: it tells nothing hidden."""
        rules = self.rules
        yield from self._plain(clause, spoken)
        yield from read_phrases(clause.text, rules)
        yield from read_wording(
            clause,
            evidence,
            rules,
            clinical=self._is_clinical(evidence, card),
            may_be_named=self._may_be_named(evidence, card),
            surely_told=surely_told,
        )
        if meaning is not None:
            yield from _of_meaning(clause, meaning, evidence, rules)

    def meaning(self, clause: SaidText, evidence: GuardEvidence, card: CardVectors | None) -> ClauseMeaning:
        """Return what a clause means at a moment; raises EngineError without a text encoder."""
        kinds = self._learn()
        if card is None or self._near is None:
            raise EngineError("there is no text encoder to read with", code="engine.unavailable")
        return meaning_of(clause, evidence, self.rules, card=card, kinds=kinds, near=self._near)

    def _is_clinical(self, evidence: GuardEvidence, card: CardVectors | None) -> bool:
        """Whether what was asked may be about the patient's case: without an encoder it always may."""
        asked = evidence.asked.text
        if card is None or self._near is None or not asked or names_term(asked, self.rules):
            return True
        (vector,) = self._near.vectors([asked])
        return card.nearest_hidden(vector, evidence.released)[0] >= ASKED_NEAR

    def _may_be_named(self, evidence: GuardEvidence, card: CardVectors | None) -> MayBeNamed | None:
        if card is None or (near := self._near) is None:
            return None
        return lambda kind, word: may_be_named(kind, word, evidence, near)

    def _plain(self, clause: SaidText, spoken: Sequence[str]) -> Iterator[GuardFinding]:
        rules = self.rules
        count = len(clause.text.split())
        if count > rules.thresholds.clause_words:
            yield GuardFinding(GuardRule.LENGTH, rules.action(GuardRule.LENGTH), f"{count} words without a pause")
        language = other_language(clause.text)
        if language:
            yield GuardFinding(GuardRule.LANGUAGE, rules.action(GuardRule.LANGUAGE), language)
        if len(clause.words) >= 3 and any(said(text).words == clause.words for text in spoken):
            yield GuardFinding(GuardRule.REPEATED, rules.action(GuardRule.REPEATED), "said in this reply already")

    def _ready(self, card: Card) -> tuple[CardKnowledge, CardVectors | None]:
        with self._lock:
            known = self._cards.get(card.id)
            if known is None or (known[0] is not card and known[0] != card):
                knowledge = CardKnowledge(card)
                # Without a card there is nothing that may not be told.
                near = None if card.is_free else self._near
                vectors = CardVectors(knowledge, near) if near is not None else None
                known = (card, knowledge, vectors)
                self._cards[card.id] = known
            self._cards.move_to_end(card.id)
            while len(self._cards) > CARDS:
                self._cards.popitem(last=False)
            return known[1], known[2]

    def _learn(self) -> SpeechKinds:
        with self._lock:
            examples = self.rules.examples
            if self._kinds is None or self._learned_from != examples:
                if self._examples is None:
                    raise EngineError("there is no text encoder to learn with", code="engine.unavailable")
                acts = exemplars_of(EXEMPLARS)
                clinician = [text for act, texts in acts.acts.items() if act in CLINICAL for text in texts]
                clinician += [text for topic in acts.topics.values() for text in topic.questions]
                self._kinds = SpeechKinds(examples, clinician=clinician, vectoriser=self._examples)
                self._learned_from = examples
                if isinstance(self._examples, Remembering):
                    self._examples.keep()
            return self._kinds


def _counting(findings: Sequence[GuardFinding]) -> list[GuardFinding]:
    return [found for found in findings if found.action is not GuardAction.ALLOW]


def _written(stage: str, markup: str, rules: GuardRules) -> Iterator[GuardFinding]:
    if stage:
        yield GuardFinding(GuardRule.STAGE, rules.action(GuardRule.STAGE), f"'{stage}'")
    if markup:
        yield GuardFinding(GuardRule.MARKUP, rules.action(GuardRule.MARKUP), f"'{markup}'")


def _tells_too_much(meaning: ClauseMeaning, rules: GuardRules) -> Iterator[GuardFinding]:
    probability, thresholds = meaning.probability, rules.thresholds
    about = f"about '{meaning.item.id}'" if meaning.item is not None else "of nothing on the card"
    if probability >= thresholds.unreleased:
        yield GuardFinding(
            GuardRule.UNRELEASED, rules.action(GuardRule.UNRELEASED), f"tells more than it may, {about}", probability
        )
    elif probability >= thresholds.unreleased_warn and rules.action(GuardRule.UNRELEASED) is not GuardAction.ALLOW:
        yield GuardFinding(GuardRule.UNRELEASED, GuardAction.WARN, f"may tell more than it may, {about}", probability)


def _of_meaning(
    clause: SaidText, meaning: ClauseMeaning, evidence: GuardEvidence, rules: GuardRules
) -> Iterator[GuardFinding]:
    thresholds = rules.thresholds
    taken_up = meaning.told >= TAKEN_UP or clause.heavy <= evidence.told_stems | evidence.echoed_stems
    if meaning.clinician >= thresholds.advice and not taken_up:
        detail = "sounds like somebody who treats"
        yield GuardFinding(GuardRule.ADVICE, rules.action(GuardRule.ADVICE), detail, min(1.0, meaning.clinician))
    near = meaning.features["told"]
    if near >= thresholds.contradiction and not clause.text.rstrip().endswith("?"):
        told = said(meaning.nearest_told)
        own, other = without_answer(clause.text), without_answer(meaning.nearest_told)
        # A clause of what was told, not a text whose other half denies something.
        one = len(pieces(meaning.nearest_told)) == 1
        same = one and len(clause.heavy) >= 2 and clause.heavy <= told.stems
        if same and negates(own) != negates(other) and not any(_says_so(clause, text) for text in evidence.told):
            detail = f"denies or affirms otherwise than '{meaning.nearest_told}'"
            yield GuardFinding(GuardRule.CONTRADICTION, rules.action(GuardRule.CONTRADICTION), detail, near)


def _says_so(clause: SaidText, text: str) -> bool:
    """Whether what was told has a clause's words and denies or affirms as it does."""
    return clause.heavy <= said(text).stems and negates(without_answer(clause.text)) == negates(without_answer(text))


def _of_words(clause: SaidText, evidence: GuardEvidence, rules: GuardRules) -> Iterator[GuardFinding]:
    count, item = hidden_words(clause, evidence)
    if item is not None and count >= rules.thresholds.unreleased_words:
        yield GuardFinding(
            GuardRule.UNRELEASED, rules.action(GuardRule.UNRELEASED), f"{count} telling words of '{item.id}'"
        )
