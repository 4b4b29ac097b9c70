"""The rules of `deploy/prometheus` as the tests read them: alerts, what they ask for, and cases for promtool."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "prometheus"
RULES = FOLDER / "interlocutor.rules.yml"
CASES = Path(__file__).with_name("cases.yaml")
RUNBOOK = ROOT / "docs" / "runbook"
JOBS = tuple(job["job_name"] for job in yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"])

_GROUPED = re.compile(r"\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_NAMED = re.compile(r"(?<![\w.])([a-zA-Z_:][\w:]*)\s*(\{[^}]*\})?(?!\s*\()(?![\w:])")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_WORDS = {"and", "or", "unless"}


@dataclass(frozen=True, slots=True)
class Selector:
    """A series that an expression asks for: its name, and (label, operator, value) for each matcher."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]


@cache
def rules() -> list[dict[str, Any]]:
    """Return every rule in order, figures and alerts."""
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    """Return the alerts by their name."""
    found = [rule for rule in rules() if "alert" in rule]
    by_name = {rule["alert"]: rule for rule in found}
    assert len(by_name) == len(found), "two alerts have one name"
    return by_name


def records() -> dict[str, str]:
    """Return the expression of each figure that is made."""
    return {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}


def selectors(expr: str) -> Iterator[Selector]:
    """Yield what an expression asks for."""
    plain = re.sub(r"\[[^\]]*\]|\boffset\s+\w+", "", _GROUPED.sub("", expr))
    for name, inside in _NAMED.findall(plain):
        if name not in _WORDS:
            yield Selector(name, tuple(_MATCHER.findall(inside)))


def grouping_labels(expr: str) -> set[str]:
    """Return the labels that an expression groups or joins by."""
    return {label.strip() for inside in _GROUPED.findall(expr) for label in inside.split(",") if label.strip()}


@cache
def cases() -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return what each alert is tried on."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = yaml.safe_load(CASES.read_text())
    return found


def promtool_file(alert: str) -> Iterator[str]:
    """Yield a file for `promtool test rules` for each case of an alert."""
    rule = alerts()[alert]
    for kind, tried in cases()[alert].items():
        for case in tried:
            expected = {"exp_labels": rule["labels"] | case.get("labels", {}), "exp_annotations": rule["annotations"]}
            every = case.get("every", "1m")
            test = {
                "interval": every,
                "name": f"{alert} {kind}: {case.get('why', '')}",
                "input_series": [{"series": name, "values": values} for name, values in case["series"].items()],
                "alert_rule_test": [
                    {"eval_time": case["at"], "alertname": alert, "exp_alerts": [expected] if kind == "fires" else []}
                ],
            }
            yield yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": every, "tests": [test]})
