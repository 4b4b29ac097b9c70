"""What an answer of a remote mind took: the hosts that failed, tokens as far as they are known, and the cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import structlog

from pipelines.responders.remote.failures import RemoteFailure
from pipelines.responders.remote.forms import ChatMessage, Delta
from pipelines.responders.remote.remote_host import RemoteHost
from pipelines.responders.remote.spending import HeldCost, Spending

logger = structlog.get_logger("pipelines.remote")

# English has about four characters a token; three is on the safe side.
_CHARS_PER_TOKEN = 3
_TOKENS_PER_MESSAGE = 8


@dataclass(slots=True)
class TokenUsage:
    """The tokens of one request, as far as they are known."""

    chars_in: int
    messages: int
    chars_out: int = 0
    told_in: int | None = None
    told_out: int | None = None

    @classmethod
    def of(cls, messages: Sequence[ChatMessage]) -> Self:
        """Return the usage of a request that is about to be sent."""
        return cls(sum(len(message.content) for message in messages), len(messages))

    def take(self, delta: Delta) -> None:
        """Count a piece of the answer, and what it tells of the whole."""
        self.chars_out += len(delta.text)
        self.told_in = delta.tokens_in if delta.tokens_in is not None else self.told_in
        self.told_out = delta.tokens_out if delta.tokens_out is not None else self.told_out

    @property
    def likely_in(self) -> int:
        """The tokens of the question, by its characters."""
        return math.ceil(self.chars_in / _CHARS_PER_TOKEN) + _TOKENS_PER_MESSAGE * self.messages

    @property
    def tokens(self) -> tuple[int, int]:
        """The tokens of question and answer: as they were told, else by their characters."""
        likely_out = math.ceil(self.chars_out / _CHARS_PER_TOKEN)
        return (
            self.told_in if self.told_in is not None else self.likely_in,
            self.told_out if self.told_out is not None else likely_out,
        )

    @property
    def estimated(self) -> bool:
        """Whether the host did not tell one of them."""
        return self.told_in is None or self.told_out is None


@dataclass(slots=True)
class Account:
    """What an answer took so far, of all hosts that were asked for it."""

    host: str = ""
    failures: list[str] = field(default_factory=list)
    tokens_in: int = 0
    tokens_out: int = 0
    estimated: bool = False
    cost: float = 0.0
    first_token_ms: float | None = None
    prompt: str = ""
    completion: str = ""

    def note_failure(self, host: RemoteHost, failure: RemoteFailure) -> None:
        """Keep that a host did not answer to the end, and log it."""
        self.failures.append(f"{host}: {failure.code}")
        logger.warning("remote_host_failed", host=str(host), reason=failure.code, detail=failure.detail)

    def settle(self, spending: Spending, held: HeldCost, usage: TokenUsage, *, billed: bool) -> None:
        """Pay for a request what it took in place of what was held for it; nothing where it is not `billed`."""
        tokens_in, tokens_out = usage.tokens if billed else (0, 0)
        self.cost += spending.settle(held, tokens_in=tokens_in, tokens_out=tokens_out)
        self.tokens_in += tokens_in
        self.tokens_out += tokens_out
        self.estimated |= billed and usage.estimated
