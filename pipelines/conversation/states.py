"""The states of a conversation and the table of its transitions; every transition is in this file."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where the conversation stands."""

    LISTENING = "listening"  # nobody speaks; the floor is the candidate's
    HEARING = "hearing"  # the candidate speaks
    WEIGHING = "weighing"  # the candidate pauses; is the turn over?
    ANSWERING = "answering"  # the turn is over; the reply is being prepared
    SPEAKING = "speaking"  # the patient speaks
    HOLDING = "holding"  # the candidate makes a sound over the patient; is the floor being taken?
    ENDED = "ended"


class Trigger(StrEnum):
    """What moves the conversation from one state to another."""

    VOICE = "voice"  # candidate's speech began
    PAUSE = "pause"  # candidate's speech paused
    TURN_OVER = "turn_over"  # the pause was the end of the turn
    NOTHING_SAID = "nothing_said"  # it was no speech, or its sound was cleared
    REPLY_WANTED = "reply_wanted"  # the patient is to speak: a turn was typed, a prompt or a closing is due
    NO_REPLY = "no_reply"  # nothing to say, or the reply failed or was cancelled
    RELEASED = "released"  # the reply's sound goes out
    FLOOR_TAKEN = "floor_taken"  # the candidate interrupts
    FLOOR_KEPT = "floor_kept"  # it was a backchannel, a noise, an echo: the patient goes on
    PLAYED_OUT = "played_out"  # the reply was heard to its end
    END = "end"


_S, _T = State, Trigger

TRANSITIONS: dict[tuple[State, Trigger], State] = {
    (_S.LISTENING, _T.VOICE): _S.HEARING,
    (_S.LISTENING, _T.REPLY_WANTED): _S.ANSWERING,
    (_S.HEARING, _T.PAUSE): _S.WEIGHING,
    (_S.HEARING, _T.TURN_OVER): _S.ANSWERING,  # the client committed without a pause
    (_S.HEARING, _T.NOTHING_SAID): _S.LISTENING,
    (_S.WEIGHING, _T.VOICE): _S.HEARING,
    (_S.WEIGHING, _T.TURN_OVER): _S.ANSWERING,
    (_S.WEIGHING, _T.NOTHING_SAID): _S.LISTENING,
    (_S.ANSWERING, _T.VOICE): _S.HEARING,  # the candidate goes on before the patient's first sound
    (_S.ANSWERING, _T.NOTHING_SAID): _S.LISTENING,
    (_S.ANSWERING, _T.NO_REPLY): _S.LISTENING,
    (_S.ANSWERING, _T.RELEASED): _S.SPEAKING,
    (_S.SPEAKING, _T.VOICE): _S.HOLDING,
    (_S.SPEAKING, _T.PLAYED_OUT): _S.LISTENING,
    (_S.SPEAKING, _T.NO_REPLY): _S.LISTENING,
    (_S.HOLDING, _T.FLOOR_TAKEN): _S.HEARING,
    (_S.HOLDING, _T.FLOOR_KEPT): _S.SPEAKING,
    (_S.HOLDING, _T.PLAYED_OUT): _S.HEARING,
    (_S.HOLDING, _T.NO_REPLY): _S.HEARING,
} | {(state, _T.END): _S.ENDED for state in _S if state is not _S.ENDED}


class IllegalTransition(RuntimeError):
    """A trigger that the state does not know: a fault of ours, never of a client."""

    def __init__(self, state: State, trigger: Trigger) -> None:
        expected = ", ".join(sorted(t for s, t in TRANSITIONS if s is state)) or "nothing"
        super().__init__(f"{trigger.value} while {state.value}; expected {expected}")
        self.state = state
        self.trigger = trigger


def next_state(state: State, trigger: Trigger) -> State:
    """Return the state that `trigger` leads to; raises IllegalTransition."""
    try:
        return TRANSITIONS[state, trigger]
    except KeyError:
        raise IllegalTransition(state, trigger) from None
