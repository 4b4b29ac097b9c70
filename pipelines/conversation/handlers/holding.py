"""HOLDING: the candidate makes a sound over the patient, and it is to be told whether the floor is being taken."""

from __future__ import annotations

from pipelines.conversation import signals as s
from pipelines.conversation.floor import Claim
from pipelines.conversation.handlers.ending import end
from pipelines.conversation.handlers.speaking import give_floor_back, hold, played_out
from pipelines.conversation.machine import EchoJudged, Machine, ReplyOver
from pipelines.conversation.states import State


def wait_for_claim(m: Machine, _: s.Tick) -> None:
    """The sound, or the silence after it, lasts."""
    judge_floor(m)


def denied(m: Machine, _: s.VoiceDenied) -> None:
    """It was no speech."""
    if m.candidate.turn is None:
        keep_floor(m)


def go_on_over(m: Machine, started: s.VoiceStarted) -> None:
    """It is speech, or goes on."""
    if m.candidate.turn is None:
        m.do(m.candidate.begin(started.voiced_from_ms, m.now_ms))
    elif m.overlap.gone_on:
        # The text of what was said before is late, and the patient went on: it falls silent again.
        m.overlap.echo.begin()
        hold(m, started.voiced_from_ms)
        m.candidate.begin_piece(started.voiced_from_ms)
    else:
        m.candidate.begin_piece(started.voiced_from_ms)


def pause_over(m: Machine, paused: s.VoicePaused) -> None:
    """The candidate falls silent again."""
    if m.candidate.turn is not None and m.candidate.pause is None:
        m.candidate.begin_pause(paused.silent_since_ms)
        m.do(m.candidate.read())
        judge_floor(m)


def understood_over(m: Machine, heard: s.Understood) -> None:
    """It is known better what is said; nothing is told of it until the floor is taken."""
    if m.candidate.update(heard) is not None:
        judge_floor(m)


def judge_floor(m: Machine) -> None:
    """Decide whose floor it is, as soon as that can be told."""
    claim = Claim.UNDECIDED if m.away else _claim(m)
    if claim is Claim.LATE and m.overlap.let_go():
        m.do(m.replies.resume(m.now_ms, held=True))
    if claim in (Claim.UNDECIDED, Claim.LATE):
        return
    m.overlap.learn(claim, going_on=m.candidate.turn is not None and m.candidate.pause is None)
    if claim is Claim.YIELD:
        _yield_floor(m)
    else:
        m.drop_turn(claim.value)
        keep_floor(m)


def _claim(m: Machine) -> Claim:
    turn, reply, interruptible = m.candidate.turn, m.replies.reply, m.detection.interruptible
    return m.overlap.claim(turn, reply, m.now_ms, guarded=m.guarded, interruptible=interruptible)


def keep_floor(m: Machine) -> None:
    """Nobody took the floor: the patient goes on from the word where it stopped."""
    m.go(State.SPEAKING)
    m.do(m.replies.resume(m.now_ms, held=m.overlap.end()))


def _yield_floor(m: Machine) -> None:
    """The candidate takes the floor: the patient stops, and history keeps what was heard."""
    if m.replies.has_just_begun(m.now_ms):
        m.candidate.endpointing.answered_too_early()
    m.do(m.candidate.started())  # first: stock clients stop their playback at this
    if (reply := m.replies.reply) is not None:
        if m.candidate.turn is not None:
            m.candidate.turn.take_floor(m.overlap.context(reply, guarded=m.guarded))
        m.do(m.replies.stop(reply, "interrupted", m.now_ms, heard_ms=reply.played_ms))
    m.overlap.end()
    _hear_on(m)


def _hear_on(m: Machine) -> None:
    m.go(State.HEARING)
    if m.candidate.pause is not None:
        m.go(State.ENDPOINTING)
        m.estimate()


def played_out_under(m: Machine, played: s.PlayedOut) -> None:
    """What did not take the floor until the reply's end is no turn; one that may yet be goes on."""
    if m.replies.current(played.reply) is None:
        return
    claim = Claim.ECHO if m.overlap.echo.echo else _claim(m)
    if claim not in (Claim.UNDECIDED, Claim.LATE, Claim.YIELD):
        m.do(m.candidate.drop(claim.value))
        keep_floor(m)
    played_out(m, played)


def leave_floor(m: Machine, over: ReplyOver) -> None:
    """The patient is silent from here on: a turn that began over its speech goes on as any other."""
    m.overlap.end()
    if m.candidate.turn is None:
        give_floor_back(m, over)
        return
    m.do(m.candidate.started())
    _hear_on(m)
    if over.closing:
        end(m, "time_limit")


def heed_echo_over(m: Machine, _: EchoJudged) -> None:
    """A voice that is no echo pauses the patient; whether it is one is judged with the words."""
    echo = m.overlap.echo
    if echo.echo is not False:
        return
    if echo.going_on:
        echo.over()
    elif m.detection.interruptible and m.overlap.hold():
        m.do(m.replies.hold())
