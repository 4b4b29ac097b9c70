"""YAML of strangers: the safe subset, without aliases and with keys that occur once only.

A repeated key silently loses what the first one said, and nested aliases blow a small file up to gigabytes (the
"billion laughs" attack). Neither is needed in what people write for us.
"""

from __future__ import annotations

from typing import Any

import yaml


class StrictLoader(yaml.SafeLoader):
    """A SafeLoader that refuses aliases and repeated keys with a ComposerError or ConstructorError."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose a node; raises ComposerError for an alias."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases (*name) can't be used here", self.get_mark())
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping; raises ConstructorError for a key that occurs twice."""
        keys: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key.value, str):
                # Whoever reads it names it as an unknown key, or YAML as one that can't be a key.
                continue
            if key.value in keys:
                raise yaml.constructor.ConstructorError(None, None, f"key '{key.value}' occurs twice", key.start_mark)
            keys.add(key.value)
        return super().construct_mapping(node, deep)


def load_strict(text: str) -> Any:
    """Return what a YAML text says; raises yaml.YAMLError, RecursionError or ValueError."""
    return yaml.load(text, Loader=StrictLoader)  # noqa: S506 - a SafeLoader that refuses more
