"""The scenarios of `bench/scenarios` as cards: patients that the guard learns with, and that no candidate meets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.scenarios_file import FOLDER, Scenario, load_scenarios
from pipelines.patient.card import CandidateSide, Card, Cue, Lines, PatientSide

LINES = Lines(
    greeting=("Hello. Thanks for seeing me.",),
    acknowledge=("Okay, I see.", "Right, that makes sense."),
    closing=("Thanks, bye.",),
    say_again=("Sorry, what was that?",),
    silence=("So, what now?",),
    not_on_card=("I don't know, sorry.", "I couldn't tell you."),
)


def scenario_cards(folder: Path = FOLDER) -> dict[str, tuple[Scenario, Card]]:
    """Return each scenario with its card by the scenario's id; the cue of item 0 is `item-0`."""
    return {scenario.id: (scenario, _card(scenario)) for scenario in load_scenarios(folder)}


def item_ids(places: Sequence[int]) -> tuple[str, ...]:
    """Return the ids of the cues that tell the items at these places."""
    return tuple(f"item-{place}" for place in places)


def _card(scenario: Scenario) -> Card:
    return Card(
        id=scenario.id,
        version=1,
        title=scenario.id.replace("-", " "),
        profession="medicine",
        setting="Clinic",
        candidate=CandidateSide(
            role="You treat this patient.", background=scenario.about, tasks=("Ask.", "Explain.", "Advise.")
        ),
        patient=PatientSide(name="Sam Lee", age=40, sex="female", mood="calm", history="-", persona="-"),
        cues=tuple(
            Cue(id=f"item-{place}", topic=item.topic, kind="asked", triggers=item.examples, says=(item.says,))
            for place, item in enumerate(scenario.items)
        ),
        lines=LINES,
    )
