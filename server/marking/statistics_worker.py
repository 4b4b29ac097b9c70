"""Makes coefficients with statsmodels: run by path, by a Python that has it; nothing else of this product is imported.

It reads one JSON object from its input, {"kappas": {NAME: {"most": 6, "pairs": [[4, 5]]}}, "means": {NAME: [0.5]}},
and writes one: for each kappa [value, low, high], for each mean [low, high], with null for what there is none of.
"""

from __future__ import annotations

import json
import math
import os
import sys
import warnings
from typing import Any


def kappa(most: int, pairs: list[list[int]]) -> list[float | None]:
    """Return the quadratically weighted kappa of marks from 0 to `most`, with the ends of its 95 % interval."""
    from statsmodels.stats.inter_rater import cohens_kappa, to_table

    table, _ = to_table(pairs, most + 1)
    found = cohens_kappa(table, wt="quadratic")
    # The interval is that of large samples, and may end above what a kappa can be.
    return [_number(found.kappa), _number(found.kappa_low), _number(min(found.kappa_upp, 1.0))]


def mean(values: list[float]) -> list[float | None]:
    """Return the ends of the 95 % interval of a mean, by Student's t."""
    from statsmodels.stats.weightstats import DescrStatsW

    return [_number(end) for end in DescrStatsW(values).tconfint_mean()]


def _number(value: Any) -> float | None:
    return round(float(value), 3) if math.isfinite(value) else None


def main() -> None:
    """Answer what is asked on the standard input."""
    asked = json.load(sys.stdin)
    # Marks that are all equal have no kappa; the library warns of the division, and the answer says it with null.
    warnings.simplefilter("ignore")
    kappas = {name: kappa(each["most"], each["pairs"]) for name, each in asked["kappas"].items()}
    json.dump({"kappas": kappas, "means": {name: mean(each) for name, each in asked["means"].items()}}, sys.stdout)


if __name__ == "__main__":
    # Conversations go before figures, and one thread is enough for a table of seven by seven.
    os.nice(10)
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    main()
