"""The states of a conversation, and the rows of the table that drives it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """Where the conversation stands."""

    LISTENING = "listening"  # nobody speaks; the floor is the candidate's
    HEARING = "hearing"  # the candidate speaks
    ENDPOINTING = "weighing"  # the candidate pauses; is the turn over?
    ANSWERING = "answering"  # the turn is over; the reply is being prepared
    SPEAKING = "speaking"  # the patient speaks
    # The candidate makes a sound over the patient, and it is open whether the candidate takes the floor.
    HOLDING = "holding"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class TransitionRule:
    """What a signal does: the method that carries it out, and the states in which that may leave the conversation."""

    signal: type
    handler: Callable[[Any, Any], None]
    to: tuple[State, ...] = ()


Table = dict[tuple[State, type], TransitionRule]


def on(signal: type, handler: Callable[[Any, Any], None], *to: State) -> TransitionRule:
    """Return a row; a handler may always leave the conversation where it was."""
    return TransitionRule(signal, handler, to)


def when(states: State | Iterable[State], *rules: TransitionRule) -> Table:
    """Return the rows of one state, or of several; raises ValueError where two are for the same signal."""
    table: Table = {}
    for state in [states] if isinstance(states, State) else states:
        for rule in rules:
            if (state, rule.signal) in table:
                raise ValueError(f"{state.value} has two rows for {rule.signal.__name__}")
            table[state, rule.signal] = rule
    return table


class IllegalMove(RuntimeError):
    """A handler left the conversation where its row does not let it: a fault of ours, never of a client."""

    def __init__(self, before: State, rule: TransitionRule, after: State) -> None:
        allowed = ", ".join(sorted(state.value for state in rule.to)) or "no other state"
        super().__init__(f"{rule.signal.__name__} while {before.value} led to {after.value}; its row says {allowed}")
