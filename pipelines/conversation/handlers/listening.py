"""LISTENING: nobody speaks, and the floor is the candidate's."""

from __future__ import annotations

from pipelines.conversation import signals as s
from pipelines.conversation.echo_judge import NOTICED_MS, TAIL_MS
from pipelines.conversation.machine import EchoJudged, Machine, VoiceInEcho
from pipelines.conversation.states import State
from pipelines.engines import RespondKind


def begin(m: Machine, _: s.Begin) -> None:
    """Begin the role-play, or go on with what an earlier server left unanswered."""
    m.listen()
    if m.memory.unanswered and m.detection.auto_respond:
        m.respond(RespondKind.REPLY)
    elif m.patient_opens and not m.memory.history:
        m.respond(RespondKind.OPENING)


def wait(m: Machine, _: s.Tick) -> None:
    """Hear who speaks into the patient's echo; prompt a candidate who is silent for long, once."""
    if m.overlap.echo.going_on and m.replies.quiet_ms(m.now_ms) >= TAIL_MS:
        _tell_voice_in_echo(m)
        return
    since_ms, wait_ms = m.listening_since_ms, m.patience_ms
    nobody_due = m.prompted or m.voice_near or m.away or not m.detection.auto_respond
    if since_ms is not None and wait_ms and not nobody_due and m.now_ms - since_ms >= wait_ms:
        m.respond(RespondKind.SILENCE)


def begin_turn(m: Machine, started: s.VoiceStarted | VoiceInEcho) -> None:
    """The candidate begins to speak."""
    in_echo = isinstance(started, VoiceInEcho)
    if not in_echo:
        m.overlap.echo.begin()
    m.go(State.HEARING)
    m.do(m.candidate.begin(started.voiced_from_ms, m.now_ms, in_speech=in_echo))
    m.do(m.candidate.started())


def heed_echo(m: Machine, _: EchoJudged) -> None:
    """Notice a voice in what was taken for the patient's echo."""
    if m.overlap.echo.going_on and m.overlap.echo.echo is False:
        _tell_voice_in_echo(m)


def _tell_voice_in_echo(m: Machine) -> None:
    m.overlap.echo.over()
    m.tell(VoiceInEcho(m.now_ms - NOTICED_MS))


def reply_asked(m: Machine, _: s.ReplyAsked) -> None:
    """The client asks for a reply: to what was said, or of the patient's own accord."""
    if m.memory.unanswered:
        m.respond(RespondKind.REPLY)
    else:
        m.respond(RespondKind.SILENCE if m.memory.history else RespondKind.OPENING)


def close(m: Machine, _: s.TimeUp) -> None:
    """The time is over."""
    m.respond(RespondKind.CLOSING)
