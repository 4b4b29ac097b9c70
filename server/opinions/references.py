"""What a language model marks against: what each mark means, and passages with the marks that they deserve."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from server.marking.criteria import BY_ID
from server.opinions.reference_file import read_reference_file
from server.paths import ROOT

SUPPLIED = ROOT / "configs" / "references.json"

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PassageLine(_Part):
    """What one side says in a passage."""

    who: Literal["candidate", "patient"]
    text: _Text


class ReferencePassage(_Part):
    """A stretch of talk, the mark that it deserves, and why."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,60}$")]
    said: list[PassageLine] = Field(min_length=1, max_length=60)
    mark: int = Field(ge=0, le=6)
    why: _Text


class CriterionReference(_Part):
    """What each mark of a criterion means, from 0 up, and its passages."""

    levels: list[_Text]
    passages: list[ReferencePassage] = Field(min_length=1)


class References(_Part):
    """The whole dataset; each of the nine criteria is in it or has a reason why it is not judged."""

    version: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    not_judged: dict[str, _Text]
    criteria: dict[str, CriterionReference]

    @model_validator(mode="after")
    def _fits_the_criteria(self) -> References:
        named = [*self.criteria, *self.not_judged]
        if unknown := sorted(set(named) - set(BY_ID)):
            raise ValueError(f"there is no criterion '{unknown[0][:40]}'")
        if missing := [name for name in BY_ID if name not in named]:
            raise ValueError(
                f"{missing[0]} is missing: describe its marks, or say under not_judged why it is not judged"
            )
        if both := sorted(set(self.criteria) & set(self.not_judged)):
            raise ValueError(f"{both[0]} is both judged and not judged")
        for name, reference in self.criteria.items():
            most = BY_ID[name].most
            if len(reference.levels) != most + 1:
                raise ValueError(
                    f"{name} has marks from 0 to {most}, and {len(reference.levels)} of them are described"
                )
            marks = [passage.mark for passage in reference.passages]
            if max(marks) > most:
                raise ValueError(f"{name} has marks from 0 to {most}, and a passage has {max(marks)}")
            # A model that says the same of everything must not pass.
            if len(set(marks)) < 2:
                raise ValueError(f"{name} needs passages of different marks")
        ids = [passage.id for _, passage in self.passages()]
        if twice := sorted({one for one in ids if ids.count(one) > 1}):
            raise ValueError(f"two passages are called '{twice[0]}'")
        return self

    def passages(self) -> Iterator[tuple[str, ReferencePassage]]:
        """Yield each passage with the id of its criterion."""
        for name, reference in self.criteria.items():
            for passage in reference.passages:
                yield name, passage

    @property
    def digest(self) -> str:
        """The SHA-256 (hex) of all that is in it."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def load_references(path: Path | None = None) -> References:
    """Return a file's references, or those supplied; raises SettingsError that names the place in the file."""
    return read_reference_file(References, path or SUPPLIED, setting="second_opinion.references")
