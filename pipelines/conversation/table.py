"""The table that drives the conversation: what each signal does in each state, and where that may lead.

A handler may always leave the conversation where it was. A pair without a row is a signal that is late, comes twice, or
was never due: it does nothing beyond what `Machine.note` keeps of it. What `Machine.tell` tells is a row of its own.
"""

from __future__ import annotations

from pipelines.conversation import signals as s
from pipelines.conversation.handlers import answering, ending, hearing, holding, listening, replying, speaking
from pipelines.conversation.machine import EchoJudged, ReplyOver, VoiceInEcho
from pipelines.conversation.states import State, Table, on, when

LISTENING, HEARING, ENDPOINTING, ANSWERING, SPEAKING, HOLDING, ENDED = State

# Where a turn that is over leads: it waits for its text or its reply, is spoken to at once, or was none.
TURN_OVER = (ANSWERING, SPEAKING, LISTENING)
# Where a reply that is over leads: the candidate's turn, the closing words, or the end after them.
REPLY_OVER = (LISTENING, ANSWERING, ENDED)

TABLE: Table = {
    # A state's own rows, below, take the place of these.
    **when(
        (state for state in State if state is not ENDED),
        on(s.Interpreted, replying.note_meaning),
        on(s.Proposed, replying.add_part),
        on(s.Prepared, replying.prepared),
        on(s.ReplyFailed, replying.reply_failed),
        on(s.ClauseStarted, replying.clause_started),
        on(s.WordsTimed, replying.words_timed),
        on(s.Truncated, replying.truncated),
        on(s.Lost, replying.lost),
        on(s.Back, replying.back),
        on(s.Typed, ending.typed),
        on(s.EndAsked, ending.end_asked, ENDED),
    ),
    **when(
        (LISTENING, ANSWERING, SPEAKING),
        on(EchoJudged, listening.heed_echo),
    ),
    **when(
        LISTENING,
        on(s.Begin, listening.begin, ANSWERING),
        on(s.Tick, listening.wait, ANSWERING),
        on(s.VoiceStarted, listening.begin_turn, HEARING),
        on(VoiceInEcho, listening.begin_turn, HEARING),
        on(s.ReplyAsked, listening.reply_asked, ANSWERING),
        on(s.TimeUp, listening.close, ANSWERING),
    ),
    **when(
        HEARING,
        on(s.Tick, hearing.hear),
        on(s.VoiceStarted, hearing.go_on),
        on(s.VoicePaused, hearing.begin_pause, ENDPOINTING, *TURN_OVER),
        on(s.Understood, hearing.understood),
        on(EchoJudged, hearing.heed_echo_in_turn, LISTENING),
        on(s.CommitAsked, hearing.commit_asked, *TURN_OVER),
        on(s.ClearAsked, hearing.clear_asked, LISTENING),
    ),
    **when(
        ENDPOINTING,
        on(s.Tick, hearing.pause_lasts, *TURN_OVER),
        on(s.VoiceStarted, hearing.end_pause, HEARING),
        on(s.Understood, hearing.understood_in_pause, *TURN_OVER),
        on(s.EndOfTurnHeard, hearing.end_of_turn_heard, *TURN_OVER),
        on(s.Interpreted, hearing.interpreted, *TURN_OVER),
        on(EchoJudged, hearing.heed_echo_in_turn, LISTENING),
        on(s.CommitAsked, hearing.commit_asked, *TURN_OVER),
        on(s.ClearAsked, hearing.clear_asked, LISTENING),
    ),
    **when(
        ANSWERING,
        on(s.Tick, answering.wait_for_reply, SPEAKING, LISTENING),
        on(s.VoiceStarted, answering.take_turn_back, HEARING),
        on(VoiceInEcho, answering.take_turn_back, HEARING),
        on(s.Understood, answering.understood_after_turn, SPEAKING, LISTENING),
        on(s.Interpreted, answering.interpreted),
        on(s.Proposed, answering.proposed),
        on(s.Prepared, answering.prepared, SPEAKING),
        on(s.CancelAsked, replying.cancel_asked),
        on(ReplyOver, speaking.give_floor_back, *REPLY_OVER),
    ),
    **when(
        SPEAKING,
        on(s.Tick, speaking.speak),
        on(s.VoiceHinted, speaking.hinted, HOLDING),
        on(s.VoiceStarted, speaking.speak_over, HOLDING),
        on(VoiceInEcho, speaking.speak_over, HOLDING),
        on(s.PlayedOut, speaking.played_out),
        on(s.Truncated, speaking.truncated_while_heard),
        on(s.CancelAsked, replying.cancel_asked),
        on(ReplyOver, speaking.give_floor_back, *REPLY_OVER),
    ),
    **when(
        HOLDING,
        on(s.Tick, holding.wait_for_claim, SPEAKING, HEARING, ENDPOINTING),
        on(s.VoiceStarted, holding.go_on_over),
        on(s.VoiceDenied, holding.denied, SPEAKING),
        on(s.VoicePaused, holding.pause_over, SPEAKING, HEARING, ENDPOINTING),
        on(s.Understood, holding.understood_over, SPEAKING, HEARING, ENDPOINTING),
        on(s.PlayedOut, holding.played_out_under, SPEAKING),
        on(s.Truncated, speaking.truncated_while_heard),
        on(s.CancelAsked, replying.cancel_asked),
        on(EchoJudged, holding.heed_echo_over),
        on(ReplyOver, holding.leave_floor, HEARING, ENDPOINTING, *REPLY_OVER),
    ),
}
