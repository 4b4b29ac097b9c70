"""The driver's voice: jobs for the patient's mind and for synthesis, whose audio goes to playout clause by clause."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from audio.frames import WIRE_HZ, silence
from audio.playout import Playout
from common.errors import AppError, CapacityError
from pipelines.conversation import signals as s
from pipelines.conversation.commands import Respond, Speak
from pipelines.engines import (
    GuardedRequest,
    IndexRequest,
    ModelUse,
    Persona,
    PrepareRequest,
    RemoteUse,
    ReplyAccount,
    ReplyPart,
    RespondRequest,
    SpeakRequest,
    SpeechChunk,
    Word,
)
from pipelines.events import Event, LanguageModelAsked, Problem, RemoteMindAsked
from pipelines.lanes.jobs import JobTicket
from pipelines.lanes.messages import JobRequest
from pipelines.lanes.timed_jobs import TimedJobs
from pipelines.patient.card import Card
from pipelines.patient.persona import persona_of
from pipelines.tts.manner import voice_of

# These are the lane's priorities: somebody waits in silence for the first clause, nobody for the others.
FIRST_CLAUSE, LATER_CLAUSE = 0, 10

TOO_LONG = "the instructions are longer than this server's language model can take; shorten them"


@dataclass(slots=True)
class _Speaking:
    """A reply under way: clauses are synthesised side by side but must reach playout in order."""

    reply: int
    tickets: list[JobTicket] = field(default_factory=list)
    clauses: list[Speak] = field(default_factory=list)
    chunks: dict[int, list[SpeechChunk]] = field(default_factory=dict)  # of clauses whose turn has not come
    done: set[int] = field(default_factory=set)
    playing: int = 0  # the clause whose audio may go to playout
    clause_from_ms: float | None = None  # where that clause begins in the reply's audio
    closed: bool = False
    prepared: bool = False


class Speaking:
    """Makes one reply at a time; everything of an older reply is dropped."""

    def __init__(
        self,
        *,
        session_id: str,
        card: Card,
        seed: int,
        responder: TimedJobs,
        synthesiser: TimedJobs,
        playout: Playout,
        signal: Callable[[s.Signal], None],
        note: Callable[[Event], object],
        may_leave: bool = False,
    ) -> None:
        self._session_id = session_id
        self._card = card
        self._seed = seed
        self._persona = persona_of(card)
        self._responder = responder
        self._synthesiser = synthesiser
        self._playout = playout
        self._signal = signal
        self._note = note
        self._may_leave = may_leave
        self._voice = voice_of(card)
        # Of the next reply alone, where a program has asked for it so.
        self._once: Persona | None = None
        self._told_too_long = False
        self._now: _Speaking | None = None

    def instruct(self, text: str) -> bool:
        """Have the speaker follow these instructions from now on; return whether that is anything new."""
        if text == self._persona.instructions:
            return False
        self._persona = replace(self._persona, instructions=text)
        self._told_too_long = False
        return True

    def instruct_once(self, text: str) -> None:
        """Have the next reply alone follow these."""
        self._once = replace(self._persona, instructions=text)

    def prepare(self) -> None:
        """Let the responder get ready for the patient, and what reads its replies for the card."""
        requests: list[JobRequest] = [PrepareRequest(self._persona)]
        if self._guarded:
            requests.append(IndexRequest(self._card))
        for request in requests:
            self._prepare(request)

    @property
    def _guarded(self) -> bool:
        info = self._responder.info
        return info is not None and info.guarded

    def _prepare(self, request: JobRequest) -> None:
        with contextlib.suppress(CapacityError):  # then the first turn pays for it
            self._responder.submit(
                request,
                priority=LATER_CLAUSE,
                on_part=lambda _part: None,
                # What is wrong with the engine will show in the first turn.
                on_end=lambda _error: None,
            )

    def respond(self, command: Respond) -> None:
        """Ask for a proposal."""
        now = self._now = _Speaking(command.reply)
        persona, self._once = self._once or self._persona, None
        self._playout.begin(command.reply)
        request = RespondRequest(
            id=f"{self._session_id}/{command.reply}",
            turn=command.turn,
            revision=command.revision,
            kind=command.kind,
            persona=persona,
            release=command.release,
            text=command.text,
            history=command.history,
            seed=self._seed,
            may_leave=self._may_leave,
        )
        self._submit(
            now,
            self._responder,
            GuardedRequest(request, self._card) if self._guarded else request,
            FIRST_CLAUSE,
            on_part=lambda part: self._part(now, command.turn, part),
            on_end=lambda error: self._failed(now, error) if error else None,
        )

    def _part(self, now: _Speaking, turn: int, part: ReplyPart | ReplyAccount) -> None:
        if isinstance(part, RemoteUse):
            self._note(RemoteMindAsked(turn, now.reply, **asdict(part)))
        elif isinstance(part, ModelUse):
            self._note(LanguageModelAsked(turn, now.reply, **asdict(part)))
            if part.reason == "context" and self._persona.instructions and not self._told_too_long:
                self._told_too_long = True
                self._note(Problem("session.instructions_too_long", TOO_LONG))
        else:
            self._signal(s.Proposed(now.reply, part))

    def speak(self, command: Speak) -> None:
        """Have a clause synthesised."""
        now = self._now
        if now is None or now.reply != command.reply:
            return
        now.clauses.append(command)
        index = command.clause
        request = SpeakRequest(
            f"{self._session_id}/{command.reply}/{index}",
            command.content.text,
            self._voice,
            self._card.pronunciations,
        )
        self._submit(
            now,
            self._synthesiser,
            request,
            LATER_CLAUSE if index else FIRST_CLAUSE,
            on_part=lambda chunk: self._chunk(now, index, chunk),
            on_end=lambda error: self._clause_done(now, index, error),
        )

    def close(self, reply: int) -> None:
        """No more clauses will come."""
        if self._now is not None and self._now.reply == reply:
            self._now.closed = True
            self._advance(self._now)

    def stop(self, reply: int) -> float:
        """Cancel what is being made for a reply, and its audio; return the milliseconds that were computed for it."""
        cost_ms = self.cancel() if self._now is not None and self._now.reply == reply else 0.0
        self._playout.stop(reply)
        return cost_ms

    def cancel(self) -> float:
        """Cancel what is being made for the reply under way; return the milliseconds that were computed for it."""
        now, self._now = self._now, None
        tickets = now.tickets if now is not None else []
        for ticket in tickets:
            ticket.cancel()
        return sum(ticket.cost_ms for ticket in tickets)

    def _submit(
        self,
        now: _Speaking,
        jobs: TimedJobs,
        request: JobRequest,
        priority: int,
        *,
        on_part: Callable[[Any], None],
        on_end: Callable[[AppError | None], None],
    ) -> None:
        try:
            now.tickets.append(jobs.submit(request, priority=priority, on_part=on_part, on_end=on_end))
        except CapacityError as error:
            self._failed(now, error)

    def _chunk(self, now: _Speaking, index: int, chunk: SpeechChunk) -> None:
        if index == now.playing:
            self._play(now, index, chunk)
        else:
            now.chunks.setdefault(index, []).append(chunk)

    def _play(self, now: _Speaking, index: int, chunk: SpeechChunk) -> None:
        from_ms = self._playout.add_clause_audio(now.reply, index, chunk.samples)
        if now.clause_from_ms is None:
            now.clause_from_ms = from_ms
        start_ms = now.clause_from_ms
        words = tuple(
            Word(w.text, round(start_ms + w.start_ms), round(start_ms + w.end_ms), w.confidence) for w in chunk.words
        )
        if words:
            self._signal(s.WordsTimed(now.reply, index, words))
        if not now.prepared:
            now.prepared = True
            self._signal(s.Prepared(now.reply))

    def _clause_done(self, now: _Speaking, index: int, error: AppError | None) -> None:
        if error is not None:
            self._failed(now, error)
            return
        now.done.add(index)
        self._signal(s.WordsTimed(now.reply, index, (), last=True))
        self._advance(now)

    def _advance(self, now: _Speaking) -> None:
        """Hand the clauses whose turn has come to playout, each followed by its pause."""
        while now.playing in now.done:
            pause_ms = now.clauses[now.playing].content.pause_after_ms
            if pause_ms:
                self._playout.add_clause_audio(now.reply, now.playing, silence(pause_ms, WIRE_HZ))
            now.playing += 1
            now.clause_from_ms = None
            for chunk in now.chunks.pop(now.playing, []):
                self._play(now, now.playing, chunk)
        if now.closed and now.playing == len(now.clauses):
            if now.prepared:
                self._playout.close(now.reply)
            else:
                self._signal(s.ReplyFailed(now.reply, "the patient's voice made no sound; please go on"))

    def _failed(self, now: _Speaking, error: AppError | None) -> None:
        if self._now is now and error is not None:
            self._signal(s.ReplyFailed(now.reply, "the patient can't answer just now; please say it again"))
