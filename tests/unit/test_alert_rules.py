"""The alerts: what they ask for is there, and each has its page, its severity and its cases; without Prometheus."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from server.metrics import LABEL_VALUES, Metrics
from tests.alerts.alert_rules import (
    FOLDER,
    JOBS,
    ROOT,
    RUNBOOK,
    Selector,
    alerts,
    cases,
    grouping_labels,
    records,
    rules,
    selectors,
)

# What Prometheus and the black box exporter say of their own.
OF_OTHERS = {"up", "probe_success"}
OF_EVERY_SERIES = {"job", "instance"}
PARTS = ("**Means.**", "**Look.**", "**Do.**", "**Do not.**")


def series() -> dict[str, dict[str, set[str]]]:
    """Return the labels of every series of the product with the values that they may have."""
    found: dict[str, dict[str, set[str]]] = {}
    for metric in Metrics("0", gpu_utilization=dict).registry.collect():
        ends = {"counter": ("_total",), "summary": ("_sum", "_count"), "histogram": ("_sum", "_count", "_bucket")}
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        labels = {label: set(values) for label, values in LABEL_VALUES.get(name, {}).items()}
        for end in ends.get(metric.type, ("",)):
            found[metric.name + end] = dict(labels)
        if metric.type == "histogram":
            found[f"{metric.name}_bucket"]["le"] = {s.labels["le"] for s in metric.samples if "le" in s.labels}
    return found


SERIES = series()


def faults(asked: Selector) -> list[str]:
    """Return what is wrong with what an expression asks for."""
    if asked.name in OF_OTHERS:
        known = {"job": set(JOBS)}
    elif asked.name in (made := records()):
        parts = [part.name for part in selectors(made[asked.name])]
        known = {k: v for part in parts for k, v in SERIES.get(part, {}).items()}
    elif asked.name in SERIES:
        known = SERIES[asked.name]
    else:
        return [f"there is no {asked.name}"]
    told = []
    for label, operator, text in asked.matchers:
        for value in text.split("|") if "~" in operator else [text]:
            if not any(re.fullmatch(value, one) if "~" in operator else value == one for one in known.get(label, ())):
                told.append(f"{asked.name} has no {label}={value}")
    return told


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("alert") or rule["record"])
def test_what_a_rule_asks_for_is_there(rule: dict[str, Any]) -> None:
    asked = list(selectors(rule["expr"]))
    assert asked
    assert [fault for one in asked for fault in faults(one)] == []
    labels = {label for one in asked for label in SERIES.get(one.name, {})}
    assert grouping_labels(rule["expr"]) - labels - OF_EVERY_SERIES == set()


@pytest.mark.parametrize(
    ("expr", "fault"),
    [
        ("increase(voice_gone_total[5m]) > 0", "there is no voice_gone_total"),
        ("sum(rate(voice_guard_decisions_total{action='block'}[1m]))".replace("'", '"'), None),
        ('voice_guard_decisions_total{action="blocked"}', "voice_guard_decisions_total has no action=blocked"),
        ('ai_requests_total{kind="ok"}', "ai_requests_total has no kind=ok"),
        ('voice_engine_incidents_total{what=~"died|sang"}', "voice_engine_incidents_total has no what=sang"),
        ('voice_turn_latency_seconds_bucket{le="2"}', "voice_turn_latency_seconds_bucket has no le=2"),
        ('up{job="another"} == 0', "up has no job=another"),
        ("time() - voice_sessions > 1e9 and on (instance) up == 1", "there is no voice_sessions"),
        ("escalations_total", None),
    ],
)
def test_what_is_gone_is_found(expr: str, fault: str | None) -> None:
    assert [told for one in selectors(expr) for told in faults(one)] == ([] if fault is None else [fault])


def test_a_rule_makes_what_another_asks_for() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    named = {one.name for rule in rules() for one in selectors(rule["expr"])}
    for name in records():
        # A document names the first of a family whole, and of the others how they end.
        family, end = name[: name.rindex(":")], re.split(r"[:_]", name)[-1]
        told = f"`{family}:" in page and re.search(rf"[:_]{end}`", page)
        assert name in named or told, f"nobody asks for {name}, and no document tells of it"


@pytest.mark.parametrize("name", alerts())
def test_an_alert_says_who_gets_up_and_what_it_is(name: str) -> None:
    alert = alerts()[name]
    assert alert["labels"] in ({"severity": "page"}, {"severity": "ticket"})
    assert set(alert["annotations"]) == {"summary", "runbook"}
    assert re.fullmatch(r"[A-Z][^{}]*\.", alert["annotations"]["summary"]), "plain sentences, the same for every case"


@pytest.mark.parametrize("name", alerts())
def test_an_alert_has_its_page(name: str) -> None:
    file, _, anchor = alerts()[name]["annotations"]["runbook"].partition("#")
    page = (ROOT / file).read_text(encoding="utf-8")
    assert anchor == name.lower()
    (section,) = re.findall(rf"^## {name}\n(.*?)(?=^## |\Z)", page, flags=re.M | re.S)
    places = [section.find(part) for part in PARTS]
    assert -1 not in places, f"{name} lacks {PARTS[places.index(-1)]}"
    assert places == sorted(places)


def test_each_page_is_of_an_alert_and_the_index_has_all() -> None:
    headings = [
        heading
        for page in RUNBOOK.glob("*.md")
        for heading in re.findall(r"^## (Interlocutor\w+)$", page.read_text(), re.M)
    ]
    assert sorted(headings) == sorted(alerts())
    rows = re.findall(r"^\| \[(\w+)\]\(([^)]+)\) \| (\w+) \|", (RUNBOOK / "README.md").read_text(), flags=re.M)
    assert rows == [
        (name, alert["annotations"]["runbook"].removeprefix("docs/runbook/"), alert["labels"]["severity"])
        for name, alert in alerts().items()
    ]


@pytest.mark.parametrize("name", alerts())
def test_an_alert_is_tried_on_what_it_fires_on_and_on_what_it_lets_pass(name: str) -> None:
    tried = cases()[name]
    assert tried["fires"]
    assert tried["quiet"]
    assert all(case["why"] for case in tried["quiet"])
    asked = {name for case in (*tried["fires"], *tried["quiet"]) for name in case["series"]}
    for text in asked:
        # The selectors of a case are of the same form as those of a rule.
        for one in selectors(text):
            matchers = tuple(m for m in one.matchers if m[0] not in OF_EVERY_SERIES)
            assert faults(Selector(one.name, matchers)) == []


def test_no_case_is_of_an_alert_that_is_gone() -> None:
    assert list(cases()) == list(alerts())


def test_the_black_box_has_the_modules_that_the_jobs_ask_for() -> None:
    modules = yaml.safe_load((FOLDER / "blackbox.yml").read_text())["modules"]
    jobs = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    asked = {module for job in jobs for module in job.get("params", {}).get("module", ())}
    assert asked == set(modules)
