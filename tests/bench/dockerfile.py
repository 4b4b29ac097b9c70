"""Reads a Dockerfile, as far as ours goes: its stages, and what each instruction says."""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its name in capitals, its flags (`--chown=...`), and the rest as it is written."""

    name: str
    text: str
    flags: Mapping[str, str] = field(default_factory=dict)

    @property
    def words(self) -> list[str]:
        """The rest as words: of a JSON list its items, else as a shell would cut it."""
        return [str(word) for word in json.loads(self.text)] if self.text.startswith("[") else shlex.split(self.text)

    @property
    def pairs(self) -> dict[str, str]:
        """The rest as names and values, as ENV and ARG have them."""
        return {name: value for name, _, value in (word.partition("=") for word in self.words)}


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage: what it begins with, what others call it (its number if it has no name), and its instructions."""

    base: str
    name: str
    instructions: tuple[Instruction, ...]

    def all(self, name: str) -> list[Instruction]:
        """Return the instructions of a name."""
        return [one for one in self.instructions if one.name == name]


def parse(text: str) -> list[Stage]:
    """Return a Dockerfile's stages; raises ValueError for what can't be read."""
    found: list[tuple[str, str, list[Instruction]]] = []
    for line in _lines(text):
        one = _instruction(line)
        if one.name == "FROM":
            words = one.words
            named = len(words) == 3 and words[1].upper() == "AS"
            if not named and len(words) != 1:
                raise ValueError(f"can't read: {line}")
            found.append((words[0], words[2] if named else str(len(found)), []))
        elif not found:
            raise ValueError(f"stands before FROM: {line}")
        else:
            found[-1][2].append(one)
    return [Stage(base, name, tuple(instructions)) for base, name, instructions in found]


def needed(stages: Iterable[Stage], target: str) -> list[Stage]:
    """Return the stages that a target is made of, itself last; raises ValueError if there is none of that name."""
    known = {stage.name: stage for stage in stages}
    if target not in known:
        raise ValueError(f"there is no target {target}; there are {', '.join(known)}")
    wanted = {target}
    for stage in reversed(known.values()):
        if stage.name in wanted:
            wanted |= {stage.base, *(one.flags.get("from", "") for one in stage.all("COPY"))}
    return [stage for stage in known.values() if stage.name in wanted]


def _lines(text: str) -> Iterable[str]:
    """Yield whole lines: without comments, continued ones as one."""
    kept = [line.rstrip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(kept))
    return re.sub(r" +", " ", joined).splitlines()


def _instruction(line: str) -> Instruction:
    name, _, rest = line.partition(" ")
    flags: dict[str, str] = {}
    while found := re.match(r"--([a-z-]+)=(\S+)\s+", rest):
        flags[found[1]] = found[2]
        rest = rest[found.end() :]
    return Instruction(name.upper(), rest.strip(), flags)


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """Return a value with `$NAME` and `${NAME}` replaced; unknown names are empty."""
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda found: variables.get(found[1] or found[2], ""), text)


def left_out(path: PurePosixPath, patterns: Iterable[str]) -> bool:
    """Return whether .dockerignore leaves a file out: the last pattern that fits it, or a folder above it, decides."""
    wanted = [*reversed(path.parents), path][1:]
    out = False
    for line in patterns:
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        negated, pattern = pattern.startswith("!"), pattern.removeprefix("!")
        anywhere, pattern = pattern.startswith("**/"), pattern.removeprefix("**/")
        if any(fnmatch.fnmatchcase(part.name if anywhere else str(part), pattern) for part in wanted):
            out = not negated
    return out
