"""An examiner's sheet: a mark for each criterion, with the stretches of the recording that it rests on."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from common.errors import ProtocolError
from server.marking.criteria import BY_ID, CRITERIA

MOST_EVIDENCE = 20
MAX_MS = 86_400_000


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class MarkEvidence(_Part):
    """A stretch of the recording in milliseconds, and what is said there."""

    from_ms: int = Field(ge=0, le=MAX_MS)
    to_ms: int = Field(ge=0, le=MAX_MS)
    text: str = Field(default="", max_length=500)

    @model_validator(mode="after")
    def _forwards(self) -> MarkEvidence:
        if self.to_ms < self.from_ms:
            raise ValueError("a stretch ends before it begins")
        return self


class Mark(_Part):
    """What is said of one criterion; `mark` None while nothing was decided."""

    mark: int | None = Field(default=None, ge=0, le=6)
    note: str = Field(default="", max_length=2_000)
    indicators: list[str] = Field(default=[], max_length=5)
    evidence: list[MarkEvidence] = Field(default=[], max_length=MOST_EVIDENCE)


class Sheet(_Part):
    """All marks of one examiner on one role-play."""

    marks: dict[str, Mark] = {}
    comment: str = Field(default="", max_length=4_000)
    # The only words of an examiner's own that a report for the candidate has.
    for_candidate: str = Field(default="", max_length=4_000)

    @model_validator(mode="after")
    def _fits_the_criteria(self) -> Sheet:
        for name, mark in self.marks.items():
            criterion = BY_ID.get(name)
            if criterion is None:
                raise ValueError(f"there is no criterion '{name[:40]}'")
            if mark.mark is not None and mark.mark > criterion.most:
                raise ValueError(f"{criterion.name} has marks from 0 to {criterion.most}")
            if unknown := set(mark.indicators) - {one for one, _ in criterion.indicators}:
                raise ValueError(f"{criterion.name} has no indicator '{sorted(unknown)[0][:10]}'")
        return self

    @property
    def lacks(self) -> list[str]:
        """The names of the criteria without a mark."""
        there = {name for name, mark in self.marks.items() if mark.mark is not None}
        return [criterion.name for criterion in CRITERIA if criterion.id not in there]


def read_sheet(body: Any) -> Sheet:
    """Return a sheet that was sent; raises ProtocolError."""
    try:
        return Sheet.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "sheet"
        raise ProtocolError(
            f"{field[:60]}: {first['msg'].removeprefix('Value error, ')}", code="marking.fields"
        ) from None
