"""How a remote mind fails: a stable code, words for the operator, and whether another try may help."""

from __future__ import annotations

from typing import Literal

FailureCode = Literal[
    "remote.unreachable",
    "remote.timeout",
    "remote.busy",
    "remote.failed",
    "remote.broken",
    "remote.key",
    "remote.refused",
    "remote.egress",
    "remote.budget",
    "remote.consent",
    "remote.empty",
]
"""Why the card's words stand in.

unreachable: no connection. timeout: nothing came in time. busy: 429. failed: 5xx. broken: what came is no answer in the
form that was agreed, or it ended early. key: the key is refused. refused: another 4xx. egress: a host that was not
named. budget: it is spent. consent: the candidate did not agree. empty: the answer had no words.
"""


class RemoteFailure(Exception):
    """One try that failed; `detail` never holds what was said, nor a key.

    `final`: asking again can't help, whichever host. `retry_after_s` is what the host asked for.
    """

    def __init__(
        self, code: FailureCode, detail: str, *, final: bool = False, retry_after_s: float | None = None
    ) -> None:
        super().__init__(detail)
        self.code: FailureCode = code
        self.detail = detail
        self.final = final
        self.retry_after_s = retry_after_s
