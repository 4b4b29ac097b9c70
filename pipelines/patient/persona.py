"""What of a card makes up the person who speaks, and nothing that is to be found out."""

from __future__ import annotations

from pipelines.engines import Persona
from pipelines.patient.card import Card


def persona_of(card: Card) -> Persona:
    """Return who the patient is; history, hidden facts and the description of what they hold back stay on the card."""
    patient = card.patient
    # Without a card nothing is to be found out.
    instructions = patient.persona if card.is_free else ""
    return Persona(patient.name, patient.age, patient.sex, patient.mood, card.setting, instructions)
