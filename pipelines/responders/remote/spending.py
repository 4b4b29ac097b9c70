"""What the remote mind has spent, and whether it may go on: tokens and money by day and by session.

The day's sums are kept in a file, so that a restart is no way round a budget. Only one thread changes them.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from audio.files import replace_file
from common.errors import StorageError
from pipelines.responders.remote.failures import RemoteFailure
from pipelines.responders.remote.settings import RemoteBudget

logger = structlog.get_logger("pipelines.remote")

# Older sessions are over; one that should come back begins at zero.
_SESSIONS_KEPT = 2_000
_MILLION = 1_000_000.0
# Before a server's name in the name of its file.
_NAMED = "@"
_OTHERS_EVERY_S = 1.0


@dataclass(slots=True)
class Sums:
    """Tokens and money, those of requests under way included."""

    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0

    @property
    def tokens(self) -> int:
        """All tokens."""
        return self.tokens_in + self.tokens_out

    def add(self, tokens_in: int, tokens_out: int, cost: float) -> None:
        """Add tokens and money; a reservation is taken back with negative ones."""
        self.tokens_in += tokens_in
        self.tokens_out += tokens_out
        self.cost = max(0.0, self.cost + cost)


@dataclass(slots=True)
class HeldCost:
    """What a request may cost at most, held back until it is known what it did cost."""

    session: str
    day: str
    tokens_in: int
    tokens_out: int
    cost: float


class Spending:
    """The account of all sessions on this server."""

    def __init__(
        self,
        budget: RemoteBudget,
        file: Path | None = None,
        *,
        setting: str = "engines.remote.budget",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Take up the account of the file's day; a file that can't be read counts as nothing, and is told of.

        Servers that share the budget of a day have files side by side, with their names after an @:
        `remote-spending@NAME.json`. `setting` is the dotted path of the budget, for who is told that it is spent.
        """
        self.budget = budget
        # Since the start of this server, for metrics; what was estimated is in it.
        self.total = Sums()
        self.refusals = 0
        self._file = file
        self._others, self._others_read_s = Sums(), -math.inf
        self._setting = setting
        self._now = now
        self._day = self._today()
        self._sums = Sums()
        self._sessions: OrderedDict[str, Sums] = OrderedDict()
        self._warned: set[str] = set()
        self._told_of_file = False
        self._load()

    @property
    def today(self) -> Sums:
        """The sums of this day (UTC)."""
        self._turn_day()
        return self._sums

    def used(self, session: str = "") -> float:
        """Return the largest share of a budget that is used up, 0 where there is none; with a session, its own too."""
        return max((share for _, share in self._shares(session)), default=0.0)

    def reserve(self, session: str, *, tokens_in: int, tokens_out: int) -> HeldCost:
        """Hold back what a request may cost at most; raises RemoteFailure when a budget does not allow it."""
        self._turn_day()
        cost = self._cost(tokens_in, tokens_out)
        own, others = self._own(session), self._spent_elsewhere()
        budget = self.budget
        for name, limit, spent, more in (
            ("day_tokens", budget.day_tokens, self._sums.tokens + others.tokens, tokens_in + tokens_out),
            ("session_tokens", budget.session_tokens, own.tokens, tokens_in + tokens_out),
            ("day_cost", budget.day_cost, self._sums.cost + others.cost, cost),
            ("session_cost", budget.session_cost, own.cost, cost),
        ):
            if limit and spent + more > limit:
                self.refusals += 1
                whose = session if name.startswith("session") else self._day
                self._warn(f"{name}/{whose}", "remote_budget_spent", name)
                raise RemoteFailure("remote.budget", f"{self._setting}.{name} is spent", final=True)
        reservation = HeldCost(session, self._day, tokens_in, tokens_out, cost)
        for sums in (self._sums, own):
            sums.add(tokens_in, tokens_out, cost)
        return reservation

    def settle(self, held: HeldCost, *, tokens_in: int, tokens_out: int) -> float:
        """Replace what was held back by what a request did cost; return the money."""
        self._turn_day()
        cost = self._cost(tokens_in, tokens_out)
        changes = (tokens_in - held.tokens_in, tokens_out - held.tokens_out, cost - held.cost)
        self._own(held.session).add(*changes)
        if held.day == self._day:
            self._sums.add(*changes)
        else:
            # It began yesterday, whose account is closed.
            self._sums.add(tokens_in, tokens_out, cost)
        self.total.add(tokens_in, tokens_out, cost)
        for name, share in self._shares(held.session):
            if share >= self.budget.alert_share:
                key = held.session if name.startswith("session") else self._day
                self._warn(f"near {name}/{key}", "remote_budget_near", name, share=round(share, 3))
        self._save()
        return cost

    # -------------------------------------------------------------- sums

    def _cost(self, tokens_in: int, tokens_out: int) -> float:
        return (tokens_in * self.budget.price_in + tokens_out * self.budget.price_out) / _MILLION

    def _own(self, session: str) -> Sums:
        sums = self._sessions.setdefault(session, Sums())
        self._sessions.move_to_end(session)
        while len(self._sessions) > _SESSIONS_KEPT:
            self._sessions.popitem(last=False)
        return sums

    def _shares(self, session: str) -> list[tuple[str, float]]:
        budget, sums, own = self.budget, self.today, self._sessions.get(session, Sums())
        others = self._spent_elsewhere()
        spent = (
            ("day_tokens", budget.day_tokens, sums.tokens + others.tokens),
            ("day_cost", budget.day_cost, sums.cost + others.cost),
            ("session_tokens", budget.session_tokens, own.tokens),
            ("session_cost", budget.session_cost, own.cost),
        )
        return [(name, amount / limit) for name, limit, amount in spent if limit]

    def _warn(self, key: str, event: str, budget: str, **more: float) -> None:
        if key not in self._warned:
            self._warned.add(key)
            logger.warning(event, budget=f"{self._setting}.{budget}", **more)

    # -------------------------------------------------------------- days, and the file

    def _today(self) -> str:
        return self._now().astimezone(UTC).date().isoformat()

    def _turn_day(self) -> None:
        if (day := self._today()) != self._day:
            self._day, self._sums = day, Sums()
            self._warned = {key for key in self._warned if "session" in key}

    def _load(self) -> None:
        if self._file is None:
            return
        try:
            self._sums = _kept(self._file, self._day)
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError):
            logger.warning("remote_spending_unreadable", file=str(self._file))

    def _spent_elsewhere(self) -> Sums:
        """Return what other servers have spent of this day's budget, as they told within the last second."""
        own = self._file
        shared = own is not None and _NAMED in own.stem
        if own is None or not shared or time.monotonic() - self._others_read_s < _OTHERS_EVERY_S:
            return self._others
        others = Sums()
        for file in own.parent.glob(f"{own.stem.partition(_NAMED)[0]}{_NAMED}*{own.suffix}"):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                if file != own:
                    told = _kept(file, self._day)
                    others.add(told.tokens_in, told.tokens_out, told.cost)
        self._others, self._others_read_s = others, time.monotonic()
        return others

    def _save(self) -> None:
        if self._file is None:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._file, json.dumps({"day": self._day, **asdict(self._sums)}).encode())
        except (OSError, StorageError) as error:
            if not self._told_of_file:
                self._told_of_file = True
                logger.error("remote_spending_not_kept", file=str(self._file), error=str(error))


def _kept(file: Path, day: str) -> Sums:
    """Return the sums in a file if they are of this day."""
    kept = json.loads(file.read_text(encoding="utf-8"))
    if kept["day"] != day:
        return Sums()
    return Sums(int(kept["tokens_in"]), int(kept["tokens_out"]), float(kept["cost"]))
