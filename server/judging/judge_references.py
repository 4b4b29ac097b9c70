"""The replies that a judge must get right before it is believed, with the rules that each of them breaks."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from server.judging.judge_case import ReplyCase, SaidBefore
from server.judging.judge_rules import JUDGE_RULES
from server.opinions.reference_file import read_reference_file
from server.paths import ROOT

SUPPLIED = ROOT / "configs" / "judge_references.json"

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]
_Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,60}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ReferencePatient(_Part):
    """A patient: who it is, what it tells by itself (by name), and what it tells whoever asks."""

    who: _Text
    items: dict[_Slug, _Text] = Field(min_length=2)
    on_request: list[_Text] = Field(min_length=1)


class ReferenceLine(_Part):
    """A turn before the reply."""

    who: Literal["candidate", "patient"]
    text: _Text


class ReferenceReply(_Part):
    """A reply, what was told by then, what was said before it, the rules that it breaks, and why.

    Of the rules in `either` people may think both ways, so nothing is asked of a judge.
    """

    id: _Slug
    patient: _Slug
    told: list[_Slug] = Field(default_factory=list)
    before: list[ReferenceLine] = Field(min_length=1, max_length=20)
    reply: _Text
    breaks: list[str]
    either: list[str] = Field(default_factory=list)
    why: _Text


class JudgeReferences(_Part):
    """The whole dataset: each rule is broken by some replies and kept by others."""

    version: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    patients: dict[_Slug, ReferencePatient] = Field(min_length=1)
    replies: list[ReferenceReply] = Field(min_length=1)

    @model_validator(mode="after")
    def _fits_the_rules(self) -> JudgeReferences:
        for reply in self.replies:
            patient = self.patients.get(reply.patient)
            if patient is None:
                raise ValueError(f"{reply.id}: there is no patient '{reply.patient}'")
            if unknown := [name for name in reply.told if name not in patient.items]:
                raise ValueError(f"{reply.id}: {reply.patient} has no '{unknown[0]}'")
            if unknown := [name for name in (*reply.breaks, *reply.either) if name not in JUDGE_RULES]:
                raise ValueError(f"{reply.id}: there is no rule '{unknown[0][:40]}'")
        ids = [reply.id for reply in self.replies]
        if twice := sorted({one for one in ids if ids.count(one) > 1}):
            raise ValueError(f"two replies are called '{twice[0]}'")
        # A judge that says the same of everything must not pass.
        for name in JUDGE_RULES:
            if len({name in reply.breaks for reply in self.replies if name not in reply.either}) < 2:
                raise ValueError(f"{name} needs replies that break it and replies that keep it")
        return self

    def case(self, reply: ReferenceReply) -> ReplyCase:
        """Return a reply as a judge is given it."""
        patient = self.patients[reply.patient]
        return ReplyCase(
            patient=patient.who,
            told=tuple(text for name, text in patient.items.items() if name in reply.told),
            on_request=tuple(patient.on_request),
            held_back=tuple(text for name, text in patient.items.items() if name not in reply.told),
            before=tuple(SaidBefore(line.who, line.text) for line in reply.before),
            reply=reply.reply,
        )

    @property
    def digest(self) -> str:
        """The SHA-256 (hex) of all that is in it."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def load_judge_references(path: Path | None = None) -> JudgeReferences:
    """Return a file's references, or those supplied; raises SettingsError that names the place in the file."""
    return read_reference_file(JudgeReferences, path or SUPPLIED, setting="judge.references")
