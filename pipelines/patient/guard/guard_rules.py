"""The guard's rules as data: which are on, what each does, its thresholds, its words and its examples."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from common.errors import EngineError
from pipelines.patient.guard.verdict import GuardAction, GuardRule

SUPPLIED = Path(__file__).resolve().parents[3] / "configs" / "guard.yaml"
"""The rules that come with the product."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=400)]
# A pattern that takes long would hold every turn up, so the file is bounded too.
_MOST_BYTES = 1_000_000

HOLD_FREELY = frozenset(
    {
        GuardRule.ROLE, GuardRule.STAGE, GuardRule.MARKUP, GuardRule.LANGUAGE, GuardRule.UNKIND, GuardRule.LENGTH,
        GuardRule.REPEATED,
    }
)  # fmt: skip
"""What holds without a card too: how anybody speaks aloud. The other rules ask what a card's patient may tell."""


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"'{text}' is no pattern ({error}); in a list of phrases, write \\ before signs") from error
    return text


Pattern = Annotated[Text, AfterValidator(_pattern)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Thresholds(_Part):
    """From where on (0..1) what is measured counts."""

    # A clause that most likely tells something that may not be told.
    unreleased: float = Field(default=0.5, gt=0.0, le=1.0)
    unreleased_warn: float = Field(default=0.2, gt=0.0, le=1.0)
    # Without a text encoder: so many telling words of one item that nobody has said.
    unreleased_words: int = Field(default=2, ge=1, le=20)
    # A clause that is so much more what somebody who treats would say than what a patient would.
    advice: float = Field(default=0.6, gt=0.0, le=3.0)
    # A clause so near to what is released, and denying what that affirms, contradicts it.
    contradiction: float = Field(default=0.75, gt=0.0, le=1.0)
    # So many words in a row of a text that may not be told are that text.
    verbatim_words: int = Field(default=4, ge=2, le=20)
    # Nobody says more words without a pause.
    clause_words: int = Field(default=45, ge=5, le=500)


class Limits(_Part):
    """How long a model has for a reply, in seconds, and how much it may say."""

    first_clause_s: float = Field(default=2.5, gt=0.0, le=60.0)
    next_clause_s: float = Field(default=2.0, gt=0.0, le=60.0)
    clauses: int = Field(default=8, ge=1, le=100)


class Examples(_Part):
    """What the guard learns from: lines that tell something of a patient, and lines that tell nothing."""

    telling: tuple[Text, ...] = Field(min_length=20)
    harmless: tuple[Text, ...] = Field(min_length=20)
    # What candidates ask to be friendly.
    small_talk: tuple[Text, ...] = Field(min_length=5)
    # What is asked by somebody who wants more than may be told.
    prying: tuple[Text, ...] = ()


TermKind = Literal["symptom", "drug", "diagnosis", "allergy", "relative"]
PhraseRule = Literal["advice", "coaching", "role", "unkind"]


class GuardRules(_Part):
    """All rules; a rule that is not named under `actions` blocks."""

    version: Literal[1] = 1
    # Off: every clause is spoken as it comes.
    enabled: bool = True
    actions: dict[GuardRule, GuardAction] = Field(default_factory=dict)
    thresholds: Thresholds = Field(default_factory=Thresholds)
    limits: Limits = Field(default_factory=Limits)
    phrases: dict[PhraseRule, tuple[Pattern, ...]] = Field(default_factory=dict)
    terms: dict[TermKind, tuple[Pattern, ...]] = Field(default_factory=dict)
    # Words of which a patient means one, not the other.
    opposites: tuple[tuple[Text, Text], ...] = ()
    # What is written with a capital and is nobody's name.
    capitalised: tuple[Text, ...] = ()
    examples: Examples

    @model_validator(mode="after")
    def _warns_before_it_blocks(self) -> Self:
        if self.thresholds.unreleased_warn > self.thresholds.unreleased:
            raise ValueError("thresholds.unreleased_warn is above thresholds.unreleased: a warning comes before")
        return self

    def action(self, rule: GuardRule) -> GuardAction:
        """Return what is to be done with a clause that breaks a rule."""
        return self.actions.get(rule, GuardAction.BLOCK)

    def action_freely(self, rule: GuardRule) -> GuardAction:
        """Return the same for a conversation without a card, where a program says who speaks."""
        if rule not in HOLD_FREELY:
            return GuardAction.ALLOW
        action = self.action(rule)
        # "How can I help you?" leaves a patient's role, and is what many a program wants to hear.
        return GuardAction.WARN if rule is GuardRule.ROLE and action is GuardAction.BLOCK else action

    @classmethod
    def load(cls, path: Path) -> GuardRules:
        """Read a file; raises EngineError (`guard.rules`) with one line for each fault."""
        try:
            data = path.read_bytes()
        except OSError as error:
            raise EngineError(f"{path} can't be read ({error.strerror or error})", code="guard.rules") from error
        return cls.parse(data, name=str(path))

    @classmethod
    def parse(cls, data: bytes, *, name: str) -> GuardRules:
        """Read what a file of that name holds; raises EngineError (`guard.rules`)."""
        if len(data) > _MOST_BYTES:
            raise EngineError(f"{name} has more than {_MOST_BYTES} bytes: shorten it", code="guard.rules")
        try:
            content: Any = yaml.safe_load(data.decode("utf-8"))
            return cls.model_validate(content)
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
            raise EngineError(f"{name} is not YAML: correct it", code="guard.rules") from error
        except ValidationError as error:
            lines = [f"{name}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
            raise EngineError("\n".join(lines), code="guard.rules") from error
