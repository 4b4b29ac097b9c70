"""What a card's tasks ask for: each task cut into parts to find out, to respond to, to explain or to advise on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class PartKind(StrEnum):
    """What a candidate does to fulfil a part of a task."""

    ASK = "ask"
    RESPOND = "respond"
    EXPLAIN = "explain"
    ADVISE = "advise"


@dataclass(frozen=True, slots=True)
class TaskPart:
    """One part of a task; `aspects` are the things it names, `examples` those in its brackets."""

    kind: PartKind
    text: str
    aspects: tuple[str, ...]
    examples: tuple[str, ...]

    @property
    def phrases(self) -> tuple[str, ...]:
        """All that something said may be near to."""
        return (self.text, *self.aspects, *self.examples)


_EXAMPLES = re.compile(r"\s*\((?:for example|e\.g\.|such as)?\s*([^)]*)\)")
_VERBS: tuple[tuple[PartKind, str], ...] = (
    (PartKind.RESPOND, r"respond(?:ing)?(?: to)?|reassure|deal with|address|comfort"),
    (PartKind.ADVISE, r"advise|agree|suggest|recommend|give (?:him|her|them) advice|plan|encourage"),
    (PartKind.EXPLAIN, r"explain|describe|tell|inform|outline"),
    (PartKind.ASK, r"find out|ask|explore|go through|check|take a history|discover|learn|establish"),
)
_NAMES = {kind.value: pattern for kind, pattern in _VERBS}
_VERB = re.compile(
    r"(?:^|(?<=[,;] )|(?<=[,;] and )|(?<=\band ))(?:"
    + "|".join(f"(?P<{name}>(?:{pattern})\\b)" for name, pattern in _NAMES.items())
    + ")",
    re.IGNORECASE,
)
# What a patient feels is no list of facts: it is told when there is room for it, and then answered.
_FEELINGS = re.compile(
    r"\b(?:feel|feels|feeling|worr\w+|afraid|fear\w*|trouble?s?|troubling|bother\w*|concern\w*|hardest|coping|hopes?"
    r"|means for)\b",
    re.IGNORECASE,
)
_ASPECT = re.compile(
    r",? and (?=(?:on|to|how|why|when|what|whether|that|about|a|an|the)\b)|, (?=(?:how|why|what|when)\b)"
)
_ITEM = re.compile(r",\s*(?:and\s+)?|\s+and\s+")
_LEAST_WORDS = 2


def parts_of(task: str) -> tuple[TaskPart, ...]:
    """Return the parts of a task as printed on a card, in order; at least one."""
    examples = tuple(
        item.strip(" .") for found in _EXAMPLES.findall(task) for item in _ITEM.split(found) if item.strip()
    )
    plain = _EXAMPLES.sub("", task).strip().rstrip(".")
    starts = list(_VERB.finditer(plain))
    cut: list[tuple[PartKind, str]] = []
    for place, found in enumerate(starts):
        until = starts[place + 1].start() if place + 1 < len(starts) else len(plain)
        text = plain[found.end() : until].strip(" ,;").removesuffix(" and").strip(" ,;")
        cut.append((PartKind(str(found.lastgroup)), text))
    cut = cut or [(PartKind.ASK, plain)]
    kinds = [kind for kind, _ in cut]
    parts: list[TaskPart] = []
    for kind, text in cut:
        if kind is PartKind.ASK and PartKind.RESPOND in kinds and _FEELINGS.search(plain):
            # To find out a worry and to respond to it are one thing here: nobody responds to what was not told.
            continue
        about = text or plain
        if kind is PartKind.RESPOND:
            about = plain
        aspects = tuple(each.strip() for each in _ASPECT.split(about) if len(each.split()) >= _LEAST_WORDS)
        parts.append(TaskPart(kind, about, aspects if len(aspects) > 1 else (), examples))
    return tuple(parts)
