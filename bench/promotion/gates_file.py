"""The file of gates: what each is, what it runs, and which stage demands it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from common.errors import SettingsError

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]


class FigureLimit(BaseModel):
    """A figure of the report that a gate writes, and what it may be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    figure: str
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("give at_least or at_most")
        return self

    def fault(self, value: float | None) -> str | None:
        """Return what is wrong with a value, or None; a figure that was not measured is wrong."""
        if value is None:
            return f"{self.figure} was not measured"
        if self.at_most is not None and value > self.at_most:
            return f"{self.figure} is {value:g}, at most {self.at_most:g} is allowed"
        if self.at_least is not None and value < self.at_least:
            return f"{self.figure} is {value:g}, at least {self.at_least:g} is demanded"
        return None


class ReleaseGate(BaseModel):
    """One gate.

    `run` is a command and its words. `{stage}` stands for the stage, `{python}` for this interpreter, `{out}` for a
    folder of the gate's own. `figures` is the file there in which it writes figures, as every `bench` command does;
    `kept` one whose JSON goes into the report as it is.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    says: str
    run: tuple[str, ...] = Field(min_length=1)
    timeout_s: float = Field(gt=0)
    figures: str | None = None
    kept: str | None = None
    limits: tuple[FigureLimit, ...] = ()
    # Somebody may do without it, if they say why.
    waivable: bool = False

    @model_validator(mode="after")
    def _has_figures_to_limit(self) -> Self:
        if self.limits and self.figures is None:
            raise ValueError("limits: name the file of the figures")
        return self


class PromotionStage(BaseModel):
    """A stage: all that the one before it demands, and more."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after: Name | None = None
    gates: tuple[Name, ...] = Field(min_length=1)


class GatesFile(BaseModel):
    """All gates and stages."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stages: dict[Name, PromotionStage]
    gates: dict[Name, ReleaseGate]

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        for name, stage in self.stages.items():
            if stage.after is not None and stage.after not in list(self.stages)[: list(self.stages).index(name)]:
                raise ValueError(f"stages.{name}.after: {stage.after} is no stage before it")
            if unknown := set(stage.gates) - set(self.gates):
                raise ValueError(f"stages.{name}.gates: there is no gate {', '.join(sorted(unknown))}")
            if twice := set(stage.gates) & set(self.demanded(stage.after) if stage.after else ()):
                raise ValueError(f"stages.{name}.gates: {', '.join(sorted(twice))} is demanded by a stage before it")
        return self

    def demanded(self, stage: str) -> list[str]:
        """Return the gates that a stage demands, those of the stages before it first."""
        own = self.stages[stage]
        return [*(self.demanded(own.after) if own.after is not None else ()), *own.gates]

    @classmethod
    def load(cls, path: Path) -> GatesFile:
        """Read the file; raises SettingsError with a line for each fault."""
        try:
            return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise SettingsError(f"{path}: can't be read: {error}") from None
        except ValidationError as error:
            lines = [f"{path}: {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
            raise SettingsError("\n".join(lines)) from None
