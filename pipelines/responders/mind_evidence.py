"""What `eval patient` has found: at which turns a language model does better than the card's words.

A small file, made by the command and read where `auto` chooses who speaks: so the choice is measured, not wished.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from common.errors import EngineError
from pipelines.intent.acts import Act

# The acts with the most turns; the file has them all.
_SHOWN = 2

SUPPLIED_EVIDENCE = Path(__file__).with_name("mind_evidence.json")
"""What was found of the model that comes with the product."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MindScore(_Part):
    """How many of a mind's replies were faithful and on topic, and when their first clause was ready, at the 95th
    percentile in milliseconds."""

    faithful: int = Field(ge=0)
    on_topic: int = Field(ge=0)
    first_clause_p95_ms: float = Field(ge=0)


class ActEvidence(_Part):
    """The card's words against a model at all turns of one act that the model was asked at."""

    act: Act
    turns: int = Field(ge=1)
    card: MindScore
    model: MindScore
    better: bool
    why: str

    @property
    def shown(self) -> str:
        """The figures in a few words."""
        card, model = self.card, self.model
        return (
            f"{self.act.value}: of {self.turns} faithful {model.faithful}, the card's {card.faithful}; on topic "
            f"{model.on_topic}, the card's {card.on_topic}: {self.why}"
        )


class MindEvidence(_Part):
    """What was measured of one model: on so many questions to so many cards, and the turns at which it was asked."""

    model: str
    date: str
    cards: int = Field(ge=1)
    questions: int = Field(ge=1)
    acts: tuple[ActEvidence, ...]

    @classmethod
    def load(cls, path: Path) -> MindEvidence:
        """Return what a file says; raises EngineError (`engine.evidence`) for one that can't be used."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise EngineError(
                f"engines.language_model.evidence: {path} is no file that `interlocutor eval patient --evidence` wrote",
                code="engine.evidence",
            ) from error

    def better_at(self, model: str) -> frozenset[Act]:
        """Return the acts at which a model does better than the card's words: none for one that was not measured."""
        return frozenset(each.act for each in self.acts if each.better) if model == self.model else frozenset()

    def reason(self, model: str) -> str:
        """Return why a model speaks or does not, with the figures."""
        if model != self.model:
            return f"{model} was not measured against the card's words; `interlocutor eval patient --evidence` does"
        measured = f"{self.questions} questions to {self.cards} cards"
        told = "; ".join(each.shown for each in self.acts[:_SHOWN])
        better = ", ".join(sorted(self.better_at(model)))
        found = f"does better at {better}" if better else "does better nowhere"
        return f"in {measured} {model} {found} ({told or 'it was asked at none'})"
