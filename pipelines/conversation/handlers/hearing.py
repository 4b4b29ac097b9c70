"""HEARING and WEIGHING: the candidate speaks, or pauses, and it is to be told whether the turn is over."""

from __future__ import annotations

from pipelines.conversation import signals as s
from pipelines.conversation.handlers import replying
from pipelines.conversation.handlers.answering import commit_if_known
from pipelines.conversation.machine import EchoJudged, Machine
from pipelines.conversation.states import State

# The voice detector needs up to this long to tell that loud audio is speech; so long a turn's end is put off for it.
LOUD_MS = 200.0


def hear(m: Machine, tick: s.Tick) -> None:
    """Cut speech that goes on for too long without a pause."""
    if not tick.awaited:
        m.do(m.candidate.cut_long_segment(m.now_ms))


def go_on(m: Machine, started: s.VoiceStarted) -> None:
    """A piece of speech begins without a pause before it."""
    m.candidate.begin_piece(started.voiced_from_ms)


def begin_pause(m: Machine, paused: s.VoicePaused) -> None:
    """The candidate pauses."""
    m.candidate.begin_pause(paused.silent_since_ms)
    m.go(State.ENDPOINTING)
    judge_pause(m)


def end_pause(m: Machine, started: s.VoiceStarted) -> None:
    """The candidate goes on: what was drafted answers only half of it."""
    m.go(State.HEARING)
    m.do(m.replies.discard("resumed"))
    m.do(m.candidate.resume(started.voiced_from_ms, m.now_ms))


def understood(m: Machine, heard: s.Understood) -> None:
    """Tell what was understood so far."""
    m.do(m.candidate.understand(heard) or [])


def understood_in_pause(m: Machine, heard: s.Understood) -> None:
    """Tell it, and judge the pause by all that was said."""
    told = m.candidate.understand(heard)
    if told is None:
        return
    m.do(told)
    if m.candidate.pause is not None and m.candidate.pause.stable:
        m.estimate()
        judge_pause(m)


def end_of_turn_heard(m: Machine, heard: s.EndOfTurnHeard) -> None:
    """It was told how the turn sounds: judge the pause by that too."""
    told = m.candidate.hear_end(heard.number, heard.probability, m.now_ms)
    if told:
        m.do(told)
        m.estimate()
        judge_pause(m)


def pause_lasts(m: Machine, _: s.Tick) -> None:
    """The pause lasts."""
    judge_pause(m)


def judge_pause(m: Machine) -> None:
    """Do what this much silence asks for: read what was said, prepare an answer, end the turn."""
    if m.away:
        return
    auto_endpoint = m.detection.auto_endpoint
    judged = m.candidate.judge_pause(m.now_ms, m.memory, m.replies.patient_until_ms, auto_endpoint=auto_endpoint)
    m.do(judged.commands)
    m.interpret_pause()
    if judged.soon:
        _maybe_draft(m, judged.silent_ms)
    near = m.voice_near or (m.tick.loud and judged.left_ms > -LOUD_MS)
    if auto_endpoint and judged.left_ms <= 0 and not near:
        end_turn(m)


def _maybe_draft(m: Machine, silent_ms: float) -> None:
    turn = m.candidate.turn_to_draft_for()
    busy = m.tick.busy or m.closing_due or m.replies.draft is not None
    if turn is None or not m.detection.auto_respond or busy or m.asks_to_wait(turn):
        return
    heard = m.meaning.of(m.memory.with_turn(turn).question())
    if heard is not None:
        last_turn = m.candidate.last_turn
        m.do(m.replies.ask_draft(turn, heard, m.now_ms, silent_ms=silent_ms, last_turn=last_turn))


def end_turn(m: Machine) -> None:
    """The turn is over; it is answered once its text is known."""
    m.go(State.ANSWERING)
    m.do(m.candidate.end(m.now_ms))
    commit_if_known(m)


def interpreted(m: Machine, heard: s.Interpreted) -> None:
    """It is known what was asked for, if anything was: judge the pause by that too."""
    replying.note_meaning(m, heard)
    known = m.meaning.interpretation
    if known is not None and m.candidate.pause is not None:
        m.candidate.answer_in_pause(known.asks)
        m.estimate()
        judge_pause(m)


def heed_echo_in_turn(m: Machine, _: EchoJudged) -> None:
    """What was taken for a turn may be the patient's own voice."""
    echo = m.overlap.echo
    if echo.echo and not echo.going_on:
        going_on = m.candidate.pause is None
        m.forget_turn("echo")
        echo.found(going_on=going_on)
    elif echo.echo is False:
        echo.over()


def commit_asked(m: Machine, _: s.CommitAsked) -> None:
    """The client says that the turn is over."""
    m.candidate.reach(m.now_ms)
    end_turn(m)


def clear_asked(m: Machine, _: s.ClearAsked) -> None:
    """The client wants the turn forgotten."""
    m.forget_turn("cleared")
