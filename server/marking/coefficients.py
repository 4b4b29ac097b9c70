"""Weighted kappas and intervals: made by statsmodels, in a process and an environment of their own.

The library brings 200 MB of packages, and takes a second of computing to load: too much for every server, and too
long for the one in which people talk.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

WORKER = Path(__file__).with_name("statistics_worker.py")
_TIMEOUT_S = 60.0

Interval = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Kappa:
    """A quadratically weighted kappa with its 95 % interval; `value` None where all marks were equal."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Coefficients:
    """What was made of what was asked; `fault` says why nothing was, and what to do."""

    kappas: Mapping[str, Kappa] = field(default_factory=dict)
    means: Mapping[str, Interval] = field(default_factory=dict)
    fault: str = ""


@dataclass(frozen=True, slots=True)
class CoefficientsAsked:
    """By name: of `kappas` the highest mark and the pairs of marks, of `means` the values."""

    kappas: Mapping[str, tuple[int, Sequence[tuple[int, int]]]] = field(default_factory=dict)
    means: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to compute."""
        return not self.kappas and not self.means

    def as_json(self) -> str:
        """Return it as the worker reads it."""
        kappas = {name: {"most": most, "pairs": list(pairs)} for name, (most, pairs) in self.kappas.items()}
        return json.dumps({"kappas": kappas, "means": {name: list(each) for name, each in self.means.items()}})


async def make_coefficients(asked: CoefficientsAsked, *, python: Path) -> Coefficients:
    """Return the coefficients, made by the environment of `python`; never raises for what that environment does."""
    if asked.nothing:
        return Coefficients()
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            str(python), "-I", str(WORKER), stdin=pipe, stdout=pipe, stderr=pipe
        )
    except FileNotFoundError:
        return Coefficients(fault=f"statsmodels is not set up, {python} is not there; run ./scripts/setup-marking")
    except OSError as error:
        return Coefficients(fault=f"{python} can't be run ({error.strerror}); run ./scripts/setup-marking")
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            answer, told = await process.communicate(asked.as_json().encode())
    except TimeoutError:
        return Coefficients(fault=f"{python} took longer than {_TIMEOUT_S:.0f} seconds; try again")
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    try:
        made = json.loads(answer)
        return Coefficients(
            kappas={name: Kappa(*made["kappas"][name]) for name in asked.kappas},
            means={name: (made["means"][name][0], made["means"][name][1]) for name in asked.means},
        )
    except (ValueError, KeyError, TypeError, IndexError):
        last = told.decode(errors="replace").strip().splitlines()[-1:] or ["it answered nothing"]
        return Coefficients(fault=f"{python} can't make coefficients ({last[0][:200]}); run ./scripts/setup-marking")
