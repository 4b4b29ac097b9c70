"""What is told of replies and asked of them, in whichever state; and the end of a reply."""

from __future__ import annotations

from pipelines.conversation import signals as s
from pipelines.conversation.commands import Record
from pipelines.conversation.heard import Reply
from pipelines.conversation.machine import Machine, ReplyOver
from pipelines.events import ClauseSpoken, Problem


def note_meaning(m: Machine, heard: s.Interpreted) -> None:
    """It is known what the words were taken for."""
    m.do(m.meaning.take(heard.number, heard.interpretation))


def add_part(m: Machine, proposed: s.Proposed) -> None:
    """Take a part of a reply or a draft."""
    if (reply := m.replies.find(proposed.reply)) is not None:
        m.do(m.replies.add_part(reply, proposed.part, m.now_ms))


def prepared(m: Machine, ready: s.Prepared) -> None:
    """The first audio of a draft is ready."""
    if (reply := m.replies.find(ready.reply)) is not None:
        reply.prepare()


def clause_started(m: Machine, started: s.ClauseStarted) -> None:
    """A clause is being heard."""
    if (reply := m.replies.current(started.reply)) is not None:
        m.do([Record(ClauseSpoken(reply.number, reply.clauses[started.clause].text, started.from_ms))])


def words_timed(m: Machine, timed: s.WordsTimed) -> None:
    """It is known when words are heard."""
    if (reply := m.replies.find(timed.reply)) is not None:
        reply.time_words(timed.clause, timed.words, m.now_ms, last=timed.last)


def reply_failed(m: Machine, failed: s.ReplyFailed) -> None:
    """An engine failed; for a draft, the reply itself is asked for when the turn is over."""
    if (reply := m.replies.current(failed.reply)) is not None:
        fail(m, reply, failed.message)
    elif m.replies.drafted(failed.reply) is not None:
        m.do(m.replies.discard("failed"))


def fail(m: Machine, reply: Reply, message: str) -> None:
    """End a reply that can't be made or spoken, and say why."""
    m.do([*m.replies.stop_making(reply), Record(Problem("reply.failed", message))])
    m.do(m.replies.finish(reply, "failed", reply.played_ms, m.now_ms, estimated=True))
    m.tell(ReplyOver(reply.closing))


def end_empty(m: Machine, reply: Reply) -> None:
    """End a reply that has nothing to say."""
    m.do(m.replies.finish(reply, "completed", 0.0, m.now_ms, estimated=True))
    m.tell(ReplyOver(reply.closing))


def cancel_asked(m: Machine, asked: s.CancelAsked) -> None:
    """The client wants the reply stopped."""
    if (reply := m.replies.reply) is not None:
        cancel(m, reply, max(asked.played_ms, reply.played_ms))


def cancel(m: Machine, reply: Reply, heard_ms: float) -> None:
    """Stop the reply; so much of it was heard."""
    m.do(m.replies.stop(reply, "cancelled", m.now_ms, heard_ms=heard_ms))
    m.tell(ReplyOver(reply.closing))


def truncated(m: Machine, told: s.Truncated) -> None:
    """The client corrects our estimate of what was heard of the last reply."""
    m.do(Record(event) for event in m.memory.correct(told.reply, told.heard_ms))


def lost(m: Machine, gone: s.Lost) -> None:
    """Nobody is there, for a while perhaps: the patient is silent, and what was begun is kept."""
    if not m.overlap.on_hold:
        m.do(m.replies.break_off(gone.played_ms))


def back(m: Machine, there: s.Back) -> None:
    """The patient goes on with the word that broke off, unless the candidate has begun to speak over it."""
    m.do(m.replies.take_up(there.played_ms, m.now_ms, on_hold=m.overlap.on_hold))
