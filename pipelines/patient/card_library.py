"""The folder of role-play cards: loading, checking, and a digest per file so that a session can name what it ran on."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from common.errors import CardError
from pipelines.patient.card import Card
from pipelines.patient.free import FREE_CARD, FREE_ID, free_digest
from pipelines.strict_yaml import load_strict

# A rich card has about 10 KiB; more than this is a mistake, or YAML made to exhaust memory.
MAX_CARD_BYTES = 256 * 1024
SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class CardFile:
    """A card with the file it came from, if it is from one, and its SHA-256 (hex)."""

    card: Card
    path: Path | None
    digest: str


class CardLibrary(Mapping[str, Card]):
    """Cards by id, in the order of their ids; made by `load`, never changed afterwards.

    Cards beside them are found by their id alone: nobody may choose one.
    """

    def __init__(self, files: Mapping[str, CardFile], beside: Mapping[str, CardFile] | None = None) -> None:
        self._shown = sorted(files)
        self._files = {**(beside or {}), **{card_id: files[card_id] for card_id in self._shown}}

    @classmethod
    def load(cls, folder: Path | str) -> CardLibrary:
        """Return the cards of `folder` (not of its subfolders).

        Raises CardError with the first fault found, in one line that names the file and the place in it.
        """
        files, faults = _read_folder(Path(folder))
        if faults:
            more = f" (and {len(faults) - 1} more; check the folder to see them all)" if len(faults) > 1 else ""
            raise CardError(faults[0] + more)
        return cls(files)

    def with_beside(self, other: CardLibrary) -> CardLibrary:
        """Return this library with another's cards beside its own."""
        return CardLibrary({card_id: self._files[card_id] for card_id in self._shown}, self._files | other._files)

    def with_free(self) -> CardLibrary:
        """Return this library with what stands in a card's place in a free conversation beside its own."""
        return self.with_beside(CardLibrary({FREE_ID: CardFile(card=FREE_CARD, path=None, digest=free_digest())}))

    def without(self, card_ids: Collection[str]) -> CardLibrary:
        """Return this library with these of its cards beside the others; raises CardError for an unknown one."""
        for card_id in card_ids:
            self.get_card(card_id)
        files = {card_id: self._files[card_id] for card_id in self._shown if card_id not in card_ids}
        return CardLibrary(files, self._files)

    def __getitem__(self, card_id: str) -> Card:
        return self._files[card_id].card

    def __iter__(self) -> Iterator[str]:
        return iter(self._shown)

    def __len__(self) -> int:
        return len(self._shown)

    def get_card(self, card_id: str) -> Card:
        """Return the card of that id; raises CardError (`card.unknown`) that lists the ids there are."""
        if card_id not in self._shown:
            raise CardError(f"there is no card '{card_id}'; choose one of: {', '.join(self)}", code="card.unknown")
        return self[card_id]

    def digest(self, card_id: str) -> str:
        """Return the SHA-256 of the card's file, in hex; raises KeyError."""
        return self._files[card_id].digest


def check(folder: Path | str) -> list[str]:
    """Return every fault of the cards in `folder`, one line each; empty when all can be used."""
    return _read_folder(Path(folder))[1]


def _read_folder(folder: Path) -> tuple[dict[str, CardFile], list[str]]:
    if not folder.is_dir():
        return {}, [f"{folder}: is not a folder; give the folder that holds the cards"]
    paths = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and path.is_file())
    if not paths:
        return {}, [f"{folder}: holds no cards; put at least one .yaml file there"]
    files: dict[str, CardFile] = {}
    seen: dict[str, str] = {}
    faults: list[str] = []
    for path in paths:
        name = f"{folder.name}/{path.name}"
        data, digest, found = _read_mapping(path, name)
        if data is None:
            faults += found
            continue
        card_id = data.get("id")
        if isinstance(card_id, str):
            if card_id in seen:
                found.append(f"{name}: id: '{card_id}' is already used by {seen[card_id]}; ids must be unique")
            seen.setdefault(card_id, name)
            if card_id == FREE_ID:
                found.append(f"{name}: id: '{card_id}' names the conversation without a card; choose another id")
            if card_id != path.stem:
                found.append(f"{name}: id: '{card_id}' differs from the file's name; rename one of them")
        try:
            card = Card.model_validate(data)
        except ValidationError as error:
            found += _explain(error, name)
        else:
            if not found:
                files[card.id] = CardFile(card=card, path=path, digest=digest)
        faults += found
    return files, faults


def _read_mapping(path: Path, name: str) -> tuple[dict[str, Any] | None, str, list[str]]:
    """Return the YAML mapping in the file, the file's digest, and faults (then the mapping is None)."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_CARD_BYTES + 1)
    except OSError as error:
        return None, "", [f"{name}: can't be read ({error.strerror}); check its permissions"]
    if len(content) > MAX_CARD_BYTES:
        return None, "", [f"{name}: is larger than {MAX_CARD_BYTES // 1024} KiB; a card is a few pages of text"]
    try:
        data = load_strict(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        return None, "", [f"{name}: is not UTF-8 text (byte {error.start}); save it as UTF-8"]
    except yaml.YAMLError as error:
        return None, "", [f"{name}: {_explain_yaml(error)}"]
    except RecursionError:
        return None, "", [f"{name}: is nested too deeply; a card has at most four levels"]
    except ValueError as error:  # e.g. a date that does not exist
        return None, "", [f"{name}: {error}; put the value in quotes"]
    if not isinstance(data, dict):
        return None, "", [f"{name}: must be a mapping with the keys id, title, candidate, patient, cues, ..."]
    return data, hashlib.sha256(content).hexdigest(), []


def _explain_yaml(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError):
        problem = error.problem or "not valid YAML"
        mark = error.problem_mark or error.context_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else problem
    return "not valid YAML: " + " ".join(str(error).split())


def _explain(error: ValidationError, name: str) -> list[str]:
    """Return one line per fault, each with the dotted path to the place; never the offending value (it may be long)."""
    lines = []
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        where = ".".join(str(part) for part in item["loc"])
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            message = "unknown key; check its spelling"
        elif item["type"] == "missing":
            message = "is missing"
        lines.append(f"{name}: {where}: {message}" if where else f"{name}: {message}")
    return lines
