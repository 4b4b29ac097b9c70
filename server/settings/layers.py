"""Layers of settings: YAML files, environment variables and `--set`, merged leaf by leaf with where each came from.

Knows nothing of what the settings mean: it is given the model. Every layer becomes a list of `Given`; later ones win.
Faults are collected, one line each with a dotted path, so that a person can mend them all at once.
"""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

PREFIX = "INTERLOCUTOR__"
DELIMITER = "__"
MAX_FILE_BYTES = 256 * 1024  # a settings file has about 2 KiB; more is a mistake
_SHOWN_CHARS = 60  # of a wrong value in a message


@dataclass(frozen=True, slots=True)
class Given:
    """A value for one leaf, and where it was found: a file's name, a variable's name or `--set`."""

    path: str
    value: Any
    origin: str


def leaves(model: type[BaseModel], prefix: str = "") -> dict[str, FieldInfo]:
    """Return every leaf of the tree by its dotted path, in the order of the fields."""
    found: dict[str, FieldInfo] = {}
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= leaves(field.annotation, f"{path}.")
        else:
            found[path] = field
    return found


def variable_name(path: str) -> str:
    """Return the environment variable of a dotted path: `server.port` is `INTERLOCUTOR__SERVER__PORT`."""
    return PREFIX + path.upper().replace(".", DELIMITER)


def is_secret(field: FieldInfo) -> bool:
    """Return whether a leaf holds a secret, whose value is never shown."""
    return SecretStr in _alternatives(field.annotation)


def from_file(path: Path, known: Mapping[str, FieldInfo], faults: list[str]) -> list[Given]:
    """Return what a YAML file sets; a missing or empty file sets nothing."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return []
    except OSError as error:
        faults.append(f"{path.name}: can't be read ({error.strerror}); check its permissions")
        return []
    if len(content) > MAX_FILE_BYTES:
        faults.append(f"{path.name}: is larger than {MAX_FILE_BYTES // 1024} KiB; a settings file is a page or two")
        return []
    try:
        data = yaml.load(content.decode("utf-8"), Loader=_UniqueKeysLoader)  # noqa: S506 - a SafeLoader
    except UnicodeDecodeError as error:
        faults.append(f"{path.name}: is not UTF-8 text (byte {error.start}); save it as UTF-8")
        return []
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        faults.append(f"{path.name}: {_explain_yaml(error)}")
        return []
    if data is None:
        return []
    if not isinstance(data, dict):
        faults.append(f"{path.name}: must be a mapping of settings, e.g. 'server: {{port: 8000}}'")
        return []
    given: list[Given] = []
    _flatten(data, "", known, path.name, given, faults)
    return given


def from_environment(environ: Mapping[str, str], known: Mapping[str, FieldInfo], faults: list[str]) -> list[Given]:
    """Return what variables such as `INTERLOCUTOR__SERVER__PORT` set; an empty one, but for secrets, sets nothing."""
    given: list[Given] = []
    for name in sorted(environ):
        if not name.upper().startswith(PREFIX):
            continue
        path = name[len(PREFIX) :].lower().replace(DELIMITER, ".")
        if path not in known:
            closest = suggest(path, known)
            hint = f"; did you mean {variable_name(closest)}?" if closest else ""
            faults.append(f"{name}: there is no setting '{path}'{hint}")
        elif environ[name] or is_secret(known[path]):
            given.append(Given(path, parse_text(environ[name], known[path]), name))
    return given


def from_overrides(
    overrides: Mapping[str, str] | Sequence[str], known: Mapping[str, FieldInfo], faults: list[str]
) -> list[Given]:
    """Return what `a.b=value` texts (or a mapping of them) set."""
    pairs: Iterable[tuple[str, str | None]]
    if isinstance(overrides, Mapping):
        pairs = overrides.items()
    else:
        texts = [overrides] if isinstance(overrides, str) else overrides
        pairs = ((path.strip(), value if equals else None) for path, equals, value in (t.partition("=") for t in texts))
    given: list[Given] = []
    for path, value in pairs:
        if value is None:
            faults.append(f"--set {path}: has no value; write it as --set server.port=9000")
        elif path not in known:
            faults.append(_unknown(path, known, "--set"))
        else:
            given.append(Given(path, parse_text(value, known[path]), "--set"))
    return given


def parse_text(text: str, field: FieldInfo) -> Any:
    """Return a text from the environment or the command line as YAML would read it, guided by the leaf's type.

    Lists may be written as `[a, b]` or `a, b`; `null` and an empty text are None where the leaf may be None. Numbers
    and booleans stay texts: the model reads them, so that a name or a secret that looks like a number stays a name.
    """
    kinds = _alternatives(field.annotation)
    if types.NoneType in kinds and SecretStr not in kinds and text.strip() in ("", "null", "~"):
        return None
    if any(typing.get_origin(kind) in (list, tuple) for kind in kinds):
        if text.strip().startswith("["):
            try:
                return yaml.safe_load(text)
            except yaml.YAMLError:
                return text
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def merge(layers: Iterable[Iterable[Given]]) -> dict[str, Given]:
    """Return the winning value of each leaf that was set; later layers win."""
    return {given.path: given for layer in layers for given in layer}


def nested(merged: Mapping[str, Given]) -> dict[str, Any]:
    """Return the merged leaves as the nested dictionary that the model validates."""
    tree: dict[str, Any] = {}
    for path, given in merged.items():
        *sections, name = path.split(".")
        place = tree
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = given.value
    return tree


def explain(error: ValidationError, merged: Mapping[str, Given], known: Mapping[str, FieldInfo]) -> list[str]:
    """Return one line per fault: dotted path, what is wrong, the value (never of a secret) and where it came from."""
    lines = []
    for item in error.errors(include_url=False, include_context=False):
        parts = [str(part) for part in item["loc"]]
        path = ".".join(parts)
        while parts and ".".join(parts) not in merged:
            parts.pop()
        given = merged.get(".".join(parts))
        message = item["msg"].removeprefix("Value error, ")
        message = message[:1].lower() + message[1:]
        if given is None:
            lines.append(f"{path}: {message}")
        elif given.path in known and is_secret(known[given.path]):
            lines.append(f"{path}: {message} (from {given.origin})")
        else:
            shown = repr(item["input"])
            shown = shown if len(shown) <= _SHOWN_CHARS else shown[:_SHOWN_CHARS] + "..."
            lines.append(f"{path}: {message}, not {shown} (from {given.origin})")
    return lines


def suggest(path: str, known: Iterable[str]) -> str | None:
    """Return the setting that was probably meant, or None."""
    paths = list(known)
    close = difflib.get_close_matches(path, paths, n=1, cutoff=0.75)
    if close:
        return close[0]
    last = path.rpartition(".")[2]
    by_last = {known_path.rpartition(".")[2]: known_path for known_path in reversed(paths)}
    close = difflib.get_close_matches(last, list(by_last), n=1, cutoff=0.75)
    return by_last[close[0]] if close else None


def _flatten(
    data: Mapping[Any, Any],
    prefix: str,
    known: Mapping[str, FieldInfo],
    origin: str,
    given: list[Given],
    faults: list[str],
) -> None:
    for key, value in data.items():
        path = f"{prefix}{key}"
        if path in known:
            given.append(Given(path, value, origin))
        elif not any(leaf.startswith(f"{path}.") for leaf in known):
            faults.append(_unknown(path, known, origin))
        elif isinstance(value, Mapping):
            _flatten(value, f"{path}.", known, origin, given, faults)
        # A section whose lines are all commented out is empty and not wrong.
        elif value is not None:
            faults.append(f"{path}: is a section; put its settings on indented lines below it (from {origin})")


def _unknown(path: str, known: Mapping[str, FieldInfo], origin: str) -> str:
    below = [leaf for leaf in known if leaf.startswith(f"{path}.")]
    if below:
        return f"{path}: is a section; set one of its settings, e.g. {below[0]} (from {origin})"
    closest = suggest(path, known)
    hint = f"; did you mean {closest}?" if closest else ""
    return f"{path}: there is no such setting{hint} (from {origin})"


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)


class _UniqueKeysLoader(yaml.SafeLoader):
    """YAML's safe subset with keys that occur once only: a repeated one silently loses what the first one said."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys: set[str] = set()
        for key, _ in node.value:
            if key.value in keys:
                raise yaml.constructor.ConstructorError(None, None, f"key '{key.value}' occurs twice", key.start_mark)
            keys.add(str(key.value))
        return super().construct_mapping(node, deep)


def _explain_yaml(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        problem = error.problem or "not valid YAML"
        return f"line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else problem
    if isinstance(error, RecursionError):
        return "is nested too deeply; settings have two levels"
    return "not valid YAML: " + " ".join(str(error).split())
