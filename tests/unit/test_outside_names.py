"""Names that people outside depend on: on the wire, in logs, metrics, settings, cards, errors and routes.

They are listed in `tests/data/outside_names.txt`. A name that goes or changes there breaks somebody's program or file,
so it is a decision and not a renaming; after one, or after an addition, make the list anew:

    python -m tests.unit.test_outside_names
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipelines.events import EVENT_TYPES
from pipelines.patient.card import Card
from server.metrics import LABEL_VALUES, Metrics
from server.protocol.client_events import MESSAGES
from server.protocol.refusal import Code
from server.protocol.server_events import EVENTS
from server.settings.aliases import ALIASES
from server.settings.tree import LEAVES

LIST = Path(__file__).resolve().parents[1] / "data" / "outside_names.txt"


def fields(schema: dict[str, Any], definitions: dict[str, Any], seen: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the dotted names of all that an object may hold; a model within itself is named once."""
    for part in [schema, *schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]:
        if (name := part.get("$ref", "").rpartition("/")[2]) and name not in seen:
            yield from fields(definitions[name], definitions, (*seen, name))
        for name, inner in part.get("properties", {}).items():
            yield name
            yield from (f"{name}.{below}" for below in fields(inner, definitions, seen))
        for items in ("items", "additionalProperties"):
            if isinstance(part.get(items), dict):
                yield from fields(part[items], definitions, seen)


def of_model(model: type[BaseModel]) -> Iterator[str]:
    schema = model.model_json_schema()
    return fields(schema, schema.get("$defs", {}))


def outside_names() -> list[str]:
    """Return every name, one a line, in order."""
    names = {f"log {kind} {field.name}" for kind, event in EVENT_TYPES.items() for field in dataclasses.fields(event)}
    names |= {f"log {kind}" for kind in EVENT_TYPES}
    for side, messages in (("client", MESSAGES), ("server", EVENTS)):
        names |= {f"{side} {kind}" for kind in messages}
        names |= {f"{side} {kind} {field}" for kind, model in messages.items() for field in of_model(model)}
    names |= {f"setting {path}" for path in LEAVES} | {f"variable {alias.name}" for alias in ALIASES}
    names |= {f"metric {metric.name}" for metric in Metrics(gpu_utilization=dict).registry.collect()}
    names |= {f"metric {name} {label}" for name, labels in LABEL_VALUES.items() for label in labels}
    names |= {f"card {field}" for field in of_model(Card)}
    names |= {f"error {code.value}" for code in Code}
    return sorted(names)


def test_no_outside_name_goes_or_changes_unseen() -> None:
    assert outside_names() == LIST.read_text(encoding="utf-8").splitlines()


if __name__ == "__main__":
    LIST.write_text("\n".join(outside_names()) + "\n", encoding="utf-8")
