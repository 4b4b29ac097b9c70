"""The conversation: a machine that takes signals with their media time and returns commands.

Whose turn is it? Everything here answers that one question, from the candidate's first sound to the end:

                 VoiceStarted                 VoicePaused
    LISTENING ----------------> HEARING <==================> WEIGHING
        ^ |                      ^   ^     VoiceStarted          |
        | | the patient opens,   |   |                           | Tick: so much
        | | prompts or closes    |   | VoiceStarted:             | silence was the
        | |                      |   | it was not over           | turn's end
        | |                      |   |                           v
        | +----------------------|---+---------------------> ANSWERING
        |                        |                               |
        |   PlayedOut            | it takes the floor            | Prepared
        +--------------------- HOLDING <=================> SPEAKING <---+
                                   VoiceHinted or VoiceStarted;
                                   a backchannel, a noise, an echo: back

What a signal means depends on the state, and `TABLE`, at the end of this file, says it for each pair of both: the
handler, and the states in which it may leave the conversation. A pair without a row is a signal that is late, comes
twice, or was never due: it does nothing. The machine alone knows the state. The parts know nothing of it, nor of each
other: each owns its fields, changes them itself and returns the commands that follow.

    candidate   the turn at hand, its segments and pauses; when it is over    candidate.py, turn.py, endpointing.py
    meaning     what the words that wait for an answer were taken for         meaning.py
    replies     the reply under way and the draft of the next                 replies.py, heard.py
    overlap     a sound over the patient's: is the floor being taken?         overlap.py, floor.py, overlap_labels.py,
                                                                              echo_judge.py
    memory      what was said and heard, which cues were told                 memory.py

Nothing here waits, measures or computes anything heavy, and nothing owns a socket, a thread, a clock or a model: so
every policy (when to answer, when to yield, what was heard, which cue counts as told) is tested in microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipelines.conversation import signals as s
from pipelines.conversation.commands import Command
from pipelines.conversation.echo_judge import TAIL_MS
from pipelines.conversation.heard import Reply
from pipelines.conversation.machine import EchoJudged, Machine, Told
from pipelines.conversation.memory import Memory
from pipelines.conversation.settings import ConversationSettings
from pipelines.conversation.states import IllegalMove, State
from pipelines.conversation.table import TABLE
from pipelines.endpointing.policy import EndpointPolicy
from pipelines.engines import HistoryItem
from pipelines.patient.disclosure import Disclose, nothing_to_tell


class Conversation:
    """One role-play's turn-taking: `receive_signal` is the only way in, and what may be read is below it.

    `listens`: whoever drives it can tell how a turn sounds (`AskEndOfTurn`). `disclose`: the rules by which
    the patient tells.
    """

    def __init__(
        self,
        settings: ConversationSettings,
        *,
        patient_opens: bool = False,
        patient_name: str = "",
        listens: bool = False,
        policy: EndpointPolicy | None = None,
        disclose: Disclose = nothing_to_tell,
    ) -> None:
        self._machine = Machine(
            settings,
            patient_opens=patient_opens,
            patient_name=patient_name,
            listens=listens,
            policy=policy,
            disclose=disclose,
        )

    def receive_signal(self, signal: s.Signal, media_ms: float) -> list[Command]:
        """Take a signal at a media time (milliseconds, never decreasing); return what is to be done, in order."""
        machine = self._machine
        machine.note(signal, media_ms)
        if isinstance(signal, s.Tick) and signal.echo is not None:
            self._carry_out(EchoJudged())
        self._carry_out(signal)
        return machine.commands()

    def remember(
        self,
        *,
        history: Sequence[HistoryItem],
        told: Sequence[str],
        unanswered: Mapping[int, str],
        turns: int,
        segments: int,
        replies: int,
    ) -> None:
        """Take what was said before the server that held this conversation ended; to be called before anything else.

        `unanswered` has the texts of turns by their number; `turns`, `segments` and `replies` were counted so far.
        """
        machine = self._machine
        waiting = machine.candidate.remember(unanswered, turns=turns, segments=segments)
        machine.memory.remember(history, told=told, unanswered=waiting)
        machine.replies.count_from(replies)

    def _carry_out(self, told: Told) -> None:
        """Do what the table says, and what that leads to."""
        machine = self._machine
        next_told: Told | None = told
        while next_told is not None:
            before, rule = machine.state, TABLE.get((machine.state, type(next_told)))
            if rule is not None:
                rule.handler(machine, next_told)
                if machine.state is not before and machine.state not in rule.to:
                    raise IllegalMove(before, rule, machine.state)
            next_told = machine.next_told()
            if next_told is not None:
                machine.note(next_told, machine.now_ms)

    # -------------------------------------------------------------- what may be read

    @property
    def state(self) -> State:
        """Where the conversation stands."""
        return self._machine.state

    @property
    def memory(self) -> Memory:
        """What was said and heard so far; not to be changed."""
        return self._machine.memory

    @property
    def is_over(self) -> bool:
        """Whether the conversation has ended."""
        return self.state is State.ENDED

    @property
    def is_answering(self) -> bool:
        """Whether a turn is over and the reply to it is not heard yet."""
        return self.state is State.ANSWERING

    @property
    def patient_is_heard(self) -> bool:
        """Whether what is heard may be the patient's voice."""
        return self.state in (State.SPEAKING, State.HOLDING)

    @property
    def can_commit(self) -> bool:
        """Whether there is an unfinished candidate's turn."""
        return (self.state, s.CommitAsked) in TABLE

    @property
    def can_reply(self) -> bool:
        """Whether a reply may be asked for now."""
        return (self.state, s.ReplyAsked) in TABLE

    def can_truncate(self, number: int) -> bool:
        """Return whether the client may still say how much of a reply was heard."""
        reply = self._machine.replies.current(number)
        return (reply is not None and reply.started) or self.memory.can_correct(number)

    @property
    def reply(self) -> Reply | None:
        """The reply under way; not to be changed."""
        return self._machine.replies.reply

    @property
    def reply_number(self) -> int | None:
        """The reply under way."""
        return self._machine.replies.reply.number if self._machine.replies.reply is not None else None

    @property
    def reply_turn(self) -> int:
        """The turn that the last reply answers."""
        reply = self._machine.replies.reply or self.memory.last_reply
        return reply.turn if reply is not None else 0

    @property
    def turn_number(self) -> int:
        """The last turn that was begun."""
        return self._machine.candidate.last_turn

    @property
    def in_turn(self) -> bool:
        """Whether the candidate has begun a turn that is not over."""
        return self._machine.candidate.turn is not None

    @property
    def turns_over(self) -> int:
        """How often a turn was judged to be over."""
        return self._machine.candidate.turns_over

    @property
    def wait_ms(self) -> float:
        """The silence that the last of them was given."""
        return self._machine.candidate.wait_ms

    @property
    def pause_since_ms(self) -> float | None:
        """Since when the candidate pauses, in media time; None while they speak or have no turn."""
        pause = self._machine.candidate.pause if self.state is State.ENDPOINTING else None
        return pause.since_ms if pause is not None else None

    @property
    def echo_cancelled(self) -> bool:
        """Whether the client's device is said to remove the patient's voice."""
        return self._machine.overlap.echo_cancelled

    @property
    def wants_echo(self) -> bool:
        """Whether it should be measured now how alike the microphone's audio and the patient's are."""
        overlap, turn, now_ms = self._machine.overlap, self._machine.candidate.turn, self._machine.now_ms
        if overlap.onset is not None:
            return overlap.echo.wanted(overlap.onset.at_ms, now_ms)
        lately = self.can_commit and self._machine.replies.quiet_ms(now_ms) < TAIL_MS
        return overlap.echo.wanted(turn.from_ms if lately and turn is not None else None, now_ms)
