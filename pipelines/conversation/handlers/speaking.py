"""SPEAKING: the patient speaks."""

from __future__ import annotations

from pipelines.conversation import signals as s
from pipelines.conversation.handlers.ending import end
from pipelines.conversation.handlers.replying import cancel, fail, truncated
from pipelines.conversation.machine import Machine, ReplyOver, VoiceInEcho
from pipelines.conversation.overlap_labels import Context
from pipelines.conversation.states import State
from pipelines.engines import RespondKind


def speak(m: Machine, _: s.Tick) -> None:
    """A mind or a voice that hangs in the middle of a reply must not keep the floor."""
    reply = m.replies.reply
    if reply is not None and not m.away and reply.stuck_ms(m.now_ms) >= m.settings.reply_stall_ms:
        fail(m, reply, "the patient lost the thread; please go on")


def hinted(m: Machine, hint: s.VoiceHinted) -> None:
    """The patient falls silent at the first moment of what may be a voice."""
    if m.detection.interruptible and not m.guarded:
        m.overlap.echo.begin()
        hold(m, hint.voiced_from_ms)


def speak_over(m: Machine, started: s.VoiceStarted | VoiceInEcho) -> None:
    """The candidate speaks over the patient."""
    in_echo = isinstance(started, VoiceInEcho)
    if not in_echo:
        m.overlap.echo.begin()
    hold(m, started.voiced_from_ms)
    m.do(m.candidate.begin(started.voiced_from_ms, m.now_ms, in_speech=in_echo))


def hold(m: Machine, onset_ms: float) -> None:
    """Judge a sound over the patient's, which is paused for it unless it may be its own echo."""
    m.go(State.HOLDING)
    held = m.detection.interruptible and not m.guarded
    context = Context(
        first_words=not m.memory.patient_spoke(), just_begun=m.replies.has_just_begun(onset_ms), names=m.names
    )
    m.overlap.begin(onset_ms, held=held, played_from_ms=m.replies.play_began_ms, context=context)
    if held:
        m.do(m.replies.hold())


def played_out(m: Machine, played: s.PlayedOut) -> None:
    """The reply was heard to its end."""
    if (reply := m.replies.current(played.reply)) is not None:
        m.do(m.replies.finish(reply, "completed", played.played_ms, m.now_ms, estimated=played.estimated))
        m.tell(ReplyOver(reply.closing))


def truncated_while_heard(m: Machine, told: s.Truncated) -> None:
    """A reply that is still playing is stopped where the client says."""
    if (reply := m.replies.current(told.reply)) is not None:
        cancel(m, reply, told.heard_ms)
    else:
        truncated(m, told)


def give_floor_back(m: Machine, over: ReplyOver) -> None:
    """The patient has no more to say: it is the candidate's turn, unless the time is over."""
    m.listen()
    if over.closing:
        end(m, "time_limit")
    elif m.closing_due:
        m.respond(RespondKind.CLOSING)
