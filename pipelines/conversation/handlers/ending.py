"""What may come in any state and belongs to none: what is typed, and the end."""

from __future__ import annotations

from pipelines.conversation import signals as s
from pipelines.conversation.commands import End, Record
from pipelines.conversation.machine import Machine
from pipelines.conversation.states import State
from pipelines.events import TurnCommitted


def typed(m: Machine, said: s.Typed) -> None:
    """The candidate's turn came as text; it waits until a reply is asked for."""
    turn = m.candidate.typed(said.text, m.now_ms)
    m.do([Record(TurnCommitted(turn.number, said.text, m.now_ms, m.now_ms, typed=True))])
    m.expect_answer(turn)


def end_asked(m: Machine, asked: s.EndAsked) -> None:
    """The conversation is to end now."""
    end(m, asked.reason)


def end(m: Machine, reason: str) -> None:
    """End the conversation; what was said and heard so far is kept."""
    m.do(m.replies.discard("ended"))
    if (reply := m.replies.reply) is not None:
        m.do(m.replies.stop(reply, "cancelled", m.now_ms, heard_ms=reply.played_ms))
    m.do(m.candidate.break_off(m.now_ms))
    m.do([End(reason)])
    m.go(State.ENDED)
