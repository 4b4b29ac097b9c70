"""ANSWERING: the turn is over, and the reply is being prepared."""

from __future__ import annotations

from pipelines.conversation import signals as s
from pipelines.conversation.candidate_turn import Turn
from pipelines.conversation.handlers import replying
from pipelines.conversation.handlers.replying import end_empty, fail
from pipelines.conversation.heard import Reply, same_words
from pipelines.conversation.machine import Machine, VoiceInEcho
from pipelines.conversation.states import State
from pipelines.engines import RespondKind


def wait_for_reply(m: Machine, _: s.Tick) -> None:
    """Wait for the turn's text, then for the reply, but for neither without end."""
    turn, reply = m.candidate.turn, m.replies.reply
    if turn is not None and turn.over_at_ms is not None:
        if m.now_ms - turn.over_at_ms >= m.settings.recognise_timeout_ms:
            commit(m, turn)  # the last partial has to do
    elif reply is not None and reply.prepared:
        release(m, reply)
    elif reply is not None and m.now_ms - reply.asked_at_ms >= m.settings.respond_timeout_ms:
        fail(m, reply, "the patient could not answer in time; please go on")


def take_turn_back(m: Machine, started: s.VoiceStarted | VoiceInEcho) -> None:
    """Go on hearing a candidate who was thought to be done; what was being prepared is discarded."""
    m.go(State.HEARING)
    m.candidate.endpointing.answered_too_early()
    m.do(m.replies.discard("resumed"))
    if m.replies.reply is not None:
        m.do(m.replies.stop(m.replies.reply, "cancelled", m.now_ms, heard_ms=0.0))
    if m.candidate.turn is not None:  # its final text had not come yet
        m.do(m.candidate.go_on(started.voiced_from_ms, m.now_ms))
    else:
        m.do(m.candidate.begin(started.voiced_from_ms, m.now_ms))
        m.do(m.candidate.started())


def understood_after_turn(m: Machine, heard: s.Understood) -> None:
    """The last text of the turn comes."""
    m.do(m.candidate.understand(heard) or [])
    commit_if_known(m)


def commit_if_known(m: Machine) -> None:
    """Answer the turn once its whole text is known."""
    turn = m.candidate.turn
    if turn is not None and turn.over_at_ms is not None and turn.all_final():
        commit(m, turn)


def commit(m: Machine, turn: Turn) -> None:
    """Put the turn into the history and answer it, or drop it when it was no speech."""
    if m.candidate.said_nothing(turn):
        m.forget_turn("noise")
        return
    m.do(m.candidate.commit(turn, m.now_ms))
    m.expect_answer(turn)
    draft = m.replies.draft
    if m.closing_due:
        m.do(m.replies.discard("superseded"))
        m.respond(RespondKind.CLOSING)
    elif not m.detection.auto_respond:
        m.do(m.replies.discard("superseded"))
        m.listen()
    elif m.asks_to_wait(turn):
        m.do(m.replies.discard("superseded"))
        m.wait_for_candidate()
    elif draft is not None and same_words(draft.question, m.memory.question()):
        _adopt(m, draft)
    else:
        m.do(m.replies.discard("different"))
        m.respond(RespondKind.REPLY)


def interpreted(m: Machine, heard: s.Interpreted) -> None:
    """It is known what the turn was taken for: ask for the reply that waits for it."""
    replying.note_meaning(m, heard)
    reply = m.replies.reply
    known = m.meaning.of(reply.question) if reply is not None else None
    if known is not None:
        m.do(m.replies.ask(known))


def _adopt(m: Machine, draft: Reply) -> None:
    """The draft answers what was said: what is ready of it goes out, what was kept back is asked for."""
    m.do(m.replies.adopt(draft, m.now_ms))
    if draft.end is not None and not draft.clauses:
        end_empty(m, draft)
    elif draft.prepared:
        release(m, draft)


def proposed(m: Machine, part: s.Proposed) -> None:
    """The reply goes on, or has come to its end without a word."""
    reply = m.replies.find(part.reply)
    if reply is None:
        return
    m.do(m.replies.add_part(reply, part.part, m.now_ms))
    if reply is m.replies.reply and reply.end is not None and not reply.clauses:
        end_empty(m, reply)


def prepared(m: Machine, ready: s.Prepared) -> None:
    """The first audio of the reply is ready."""
    replying.prepared(m, ready)
    if (reply := m.replies.current(ready.reply)) is not None:
        release(m, reply)


def release(m: Machine, reply: Reply) -> None:
    """Begin to speak; the patient never talks over the candidate, nor to nobody: the next tick tries again."""
    if not m.voice_near and not m.away:
        m.go(State.SPEAKING)
        m.do(m.replies.release(reply, m.now_ms))
