"""The log of verdicts: a line for each reply that was judged, with numbers and no words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.opinions.line_file import LineFile


@dataclass(frozen=True, slots=True)
class JudgeLine:
    """One verdict: on a reply of a session, or on a reference (`wanted` is what it breaks), and what it took.

    `speaker` is the model that worded the reply, `speaker_digest` the sha256 of its weights where they are here;
    `judge` and `judge_digest` say the same of the judge. `state` is made, not_usable or failed; `why` is a code.
    """

    at: str
    session: str
    reference: str
    reply: int
    speaker: str
    speaker_digest: str
    judge: str
    judge_digest: str
    provider: str
    host: str
    references: str
    key: str
    state: str
    why: str = ""
    broken: tuple[str, ...] = ()
    wanted: tuple[str, ...] | None = None
    tries: int = 0
    cached: bool = False
    tokens_in: int = 0
    tokens_out: int = 0
    estimated: bool = False
    cost: float = 0.0
    took_ms: float = 0.0


class JudgeLog(LineFile[JudgeLine]):
    """The verdicts in a file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, _line_of)


def _line_of(plain: dict[str, Any]) -> JudgeLine:
    wanted = None if plain["wanted"] is None else tuple(plain["wanted"])
    return JudgeLine(**plain | {"broken": tuple(plain["broken"]), "wanted": wanted})
