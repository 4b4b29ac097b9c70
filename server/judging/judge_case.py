"""What a judge is given: a reply, and all that it needs to know to judge it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.log.recorded_turns import RecordedTurn
from pipelines.patient.card import Card
from pipelines.responders.remote.scrub import Scrubber

LINES_BEFORE = 6
"""So many turns before a reply are shown: what it answers, and what that goes back to."""


@dataclass(frozen=True, slots=True)
class SaidBefore:
    """A turn before the reply."""

    who: str
    text: str


@dataclass(frozen=True, slots=True)
class ReplyCase:
    """A reply and its moment: what the patient may have told by then, to whoever asks, and what is held back."""

    patient: str
    told: tuple[str, ...]
    on_request: tuple[str, ...]
    held_back: tuple[str, ...]
    before: tuple[SaidBefore, ...]
    reply: str


def case_of(
    card: Card, turns: Sequence[RecordedTurn], place: int, proposed: Sequence[str], *, scrub: Scrubber | None
) -> ReplyCase:
    """Return the patient's reply at `place` among the turns; `proposed` are the cues that it was to tell.

    With `scrub` the candidate's words go without what it takes out.
    """
    reply = turns[place]
    before = turns[:place]
    told = {cue for turn in before for cue in turn.cues} | {*reply.cues, *proposed}
    person = card.patient
    return ReplyCase(
        patient=f"{person.name}, {person.age}, {person.sex}. {card.title}. {card.setting}. Mood: {person.mood}",
        told=tuple(text for cue in card.cues if cue.id in told for text in cue.says),
        on_request=tuple(text for fact in card.facts for text in fact.says[:1]),
        held_back=tuple(cue.says[0] for cue in card.cues if cue.id not in told),
        before=tuple(
            SaidBefore(turn.role, scrub(turn.text) if scrub is not None and turn.role == "candidate" else turn.text)
            for turn in before[-LINES_BEFORE:]
        ),
        reply=reply.text,
    )
