"""The exemplars that understanding learns from: `configs/intents.yaml`, read and checked."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from common.errors import EngineError
from pipelines.intent.acts import Act

SUPPLIED = Path(__file__).resolve().parents[2] / "configs" / "intents.yaml"
"""The exemplars that come with the product."""

# The same in C is ten times as fast; not every build has it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=400)]
TopicClass = Literal[
    "identity", "complaint", "symptoms", "history", "medication", "allergies", "family", "social", "lifestyle",
    "feelings", "function", "request",
]  # fmt: skip


_PRONOUNS = {
    "female": {"he": "she", "him": "her", "his": "her", "He": "She", "His": "Her"},
    "male": {"he": "he", "him": "him", "his": "his", "He": "He", "His": "His"},
}


@dataclass(frozen=True, slots=True)
class Denial:
    """What one says who has nothing to tell of a topic: of oneself, and of the child or animal that one speaks for."""

    own: str
    another: str = ""

    def of_somebody(self, sex: str) -> str:
        """Return what is said of a child or an animal of that sex."""
        return self.another.format_map(_PRONOUNS[sex]) if self.another else self.own


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Topic(_Part):
    """Something that any patient may be asked about, and what one says who has nothing to tell of it."""

    classed: TopicClass = Field(alias="class")
    act: Act = Act.CUE
    questions: tuple[Text, ...] = Field(min_length=3)
    unknown: Text
    # The same, said of a child or an animal: "No, {he} hasn't had a fever."
    of_another: Text | None = None


class Exemplars(_Part):
    """Sentences for each act, the common topics, and what tells distress."""

    acts: dict[Act, tuple[Text, ...]]
    topics: dict[str, Topic]
    distress: dict[str, tuple[Text, ...]]

    @classmethod
    def load(cls, path: Path) -> Exemplars:
        """Read the file; raises EngineError (`engine.unavailable`) with one line for each fault."""
        try:
            return cls.model_validate(yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER))  # noqa: S506 - safe
        except OSError as error:
            raise EngineError(f"{path} can't be read ({error.strerror})", code="engine.unavailable") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise EngineError(f"{path} is not YAML: correct it", code="engine.unavailable") from error
        except ValidationError as error:
            lines = [f"{path}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
            raise EngineError("\n".join(lines), code="engine.unavailable") from error


@functools.cache
def denials() -> Mapping[str, Denial]:
    """Return what somebody says who has nothing to tell of a common topic, by topic."""
    return {
        name: Denial(topic.unknown, topic.of_another or "") for name, topic in exemplars_of(SUPPLIED).topics.items()
    }


@functools.lru_cache(maxsize=4)
def exemplars_of(path: Path) -> Exemplars:
    """Return the exemplars of a file, read once."""
    return Exemplars.load(path)
