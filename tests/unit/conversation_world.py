"""The world around a conversation's core, small enough for a property test: a voice detector, a recogniser, a mind, a
voice and a loudspeaker that do what real ones may do, in any order, early, late or twice; and what must hold meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pipelines.conversation import commands as c
from pipelines.conversation import signals as s
from pipelines.conversation.core import Conversation
from pipelines.conversation.settings import ConversationSettings
from pipelines.conversation.states import State
from pipelines.endpointing.evidence import PauseEvidence
from pipelines.endpointing.policy import EndpointPolicy, WaitJudgement
from pipelines.engines import Clause, HistoryItem, Interpretation, ReplyEnd, RespondKind, Word
from pipelines.events import (
    ClauseSpoken,
    CueHeard,
    CueUnheard,
    Event,
    ReplyFinished,
    ReplyHeld,
    ReplyResumed,
    ReplyStarted,
    ReplyTruncated,
    SpeechStarted,
    TurnCommitted,
    TurnIgnored,
)
from pipelines.intent.acts import Act
from pipelines.patient.disclosure import Disclose, nothing_to_tell

WORD_MS = 200.0
# Every conversation comes to rest in this much silence, which is twice the sum of all waits and timeouts.
REST_MS = 90_000.0


class Waits(EndpointPolicy):
    """A policy that waits as it is told: longer where the last words are not known, and where more is to come."""

    def __init__(self, settled_ms: float, unsettled_ms: float) -> None:
        self.waits = (settled_ms, unsettled_ms)

    def judge(self, evidence: PauseEvidence) -> WaitJudgement:
        """Return one of the two waits."""
        goes_on = evidence.finished is not None and evidence.finished < 0.5
        return WaitJudgement(self.waits[0] if evidence.stable and not goes_on else self.waits[1])

    def resumed(self, pause_ms: float) -> None:
        """Check what is learned."""
        assert pause_ms == pause_ms, "not a number"

    def ended(self, finished: float | None) -> None:
        """Learn nothing."""

    def answered_too_early(self) -> None:
        """Learn nothing."""


@dataclass(slots=True)
class Made:
    """A reply that was asked for, from the outside."""

    kind: RespondKind
    turn: int
    draft: bool
    question: str
    proposed: list[Clause] = field(default_factory=list)
    proposal_ended: bool = False
    to_speak: list[tuple[int, Clause]] = field(default_factory=list)  # asked for, not yet made
    words: list[Word] = field(default_factory=list)  # of the audio that was made
    clauses_made: list[Clause] = field(default_factory=list)
    prepared: bool = False
    closed: bool = False
    adopted: bool = False
    released: bool = False
    held: bool = False
    over: bool = False  # stopped, discarded, failed, played out
    played_ms: float = 0.0

    @property
    def sound_ms(self) -> float:
        """How much audio there is."""
        return self.words[-1].end_ms if self.words else 0.0

    @property
    def audible(self) -> bool:
        """Whether its audio goes out."""
        return self.released and not self.held and not self.over

    def heard(self, played_ms: float) -> list[str]:
        """Return the words of which at least half was played."""
        return [word.text for word in self.words if (word.start_ms + word.end_ms) / 2 <= played_ms]


class World:
    """Gives the core its signals, does what it commands, and checks every command against what went before."""

    def __init__(
        self,
        settings: ConversationSettings,
        *,
        patient_opens: bool = False,
        listens: bool = False,
        policy: EndpointPolicy | None = None,
        disclose: Disclose = nothing_to_tell,
    ) -> None:
        self.settings = settings
        policy = policy or Waits(400.0, 1_500.0)
        self.core = Conversation(
            settings, patient_opens=patient_opens, listens=listens, policy=policy, disclose=disclose
        )
        self.now_ms = 0.0
        self.played_at_tick_ms = 0.0  # what the core knows of the playback
        # The detector hinted at a voice, and has not said yet whether it was one.
        self.near = False
        self.speaking = False
        self.signals: list[s.Signal] = []
        self.sound = True  # nothing wrong was found so far
        self.detection = s.TurnDetectionSet(fixed_wait_ms=settings.fixed_wait_ms)
        self.segments: dict[int, str] = {}  # open | asked | final | dropped
        self.texts: dict[int, str] = {}  # of segments, as they were last understood, or finally
        self.of_turn: list[int] = []  # the segments of the turn at hand
        self.interims: list[tuple[int, int]] = []  # (segment, number), to be answered
        self.questions: list[int] = []  # how a turn sounds, to be answered or not
        self.meanings: list[int] = []  # what words mean, to be answered
        self._meaning = 0
        self.replies: dict[int, Made] = {}
        self.committed: list[tuple[int, str]] = []
        self.ignored: list[int] = []
        self.started_turns: list[int] = []
        self.finished: dict[int, ReplyFinished] = {}
        self.patient_said: list[str] = []  # as the history must have it
        self.told: list[str] = []
        self.ends = 0
        self.answered = 0  # turns in the history, before the signal at hand
        self.put = 0  # turns that were put to the patient's mind
        self._revision = 0
        self._interim = 0
        self.tell(s.Begin())

    # -------------------------------------------------------------- signals

    def tell(self, signal: s.Signal) -> None:
        """Give the core a signal, then check and do what it commands."""
        self.signals.append(signal)
        ended = self.core.state is State.ENDED
        self.sound = False
        commands = self.core.receive_signal(signal, self.now_ms)
        assert not ended or not commands, "something happens after the end"
        for command in commands:
            self._do(command)
        self.check()
        self.sound = True

    def detect(self, **changes: bool) -> None:
        """Have turns taken differently."""
        self.detection = replace(self.detection, **changes)
        self.tell(self.detection)

    def tick(self, *, missing: bool = False, busy: bool = False, echo: float | None = None) -> None:
        """Let 20 ms pass."""
        self.now_ms += 20
        for number, reply in list(self.replies.items()):
            if reply.audible:
                reply.played_ms = min(reply.played_ms + 20, reply.sound_ms)
                self.played_at_tick_ms = reply.played_ms
                self.tell(s.Tick(reply.played_ms, 20.0 if missing else 0.0, busy=busy, echo=echo))
                if reply.audible and reply.closed and not reply.to_speak and reply.played_ms >= reply.sound_ms:
                    self.tell(s.PlayedOut(number, reply.played_ms, estimated=True))
                    assert reply.over, "played out and still under way"
                return
        held = next((reply.played_ms for reply in self.replies.values() if reply.held and not reply.over), 0.0)
        self.tell(s.Tick(held, 20.0 if missing else 0.0, busy=busy, echo=echo))

    def voice_starts(self, back_ms: float = 96.0) -> None:
        """The detector is sure of a voice."""
        self.near, self.speaking = False, True
        self.tell(s.VoiceStarted(max(0.0, self.now_ms - back_ms)))

    def voice_pauses(self, silent_ms: float = 80.0) -> None:
        """The detector notices silence."""
        self.speaking = False
        self.tell(s.VoicePaused(max(0.0, self.now_ms - silent_ms)))

    def voice_hinted(self, back_ms: float = 32.0) -> None:
        """Something may be a voice."""
        self.near = True
        self.tell(s.VoiceHinted(max(0.0, self.now_ms - back_ms)))

    def voice_denied(self) -> None:
        """It was none."""
        self.near = False
        self.tell(s.VoiceDenied())

    def understood(self, segment: int, text: str, *, final: bool, interim: int | None = None) -> None:
        """The recogniser says what it understood; the first final text is final."""
        if self.segments[segment] != "final":
            self.texts[segment] = text
        if final and self.segments[segment] == "asked":
            self.segments[segment] = "final"
        words = tuple(Word(word, round(self.now_ms), round(self.now_ms) + 100) for word in text.split())
        self.tell(s.Understood(segment, text, words, len(words), final, interim=interim))

    def propose(self, number: int, part: Clause | ReplyEnd) -> None:
        """The mind goes on with its proposal."""
        reply = self.replies[number]
        if isinstance(part, Clause):
            reply.proposed.append(part)
        else:
            reply.proposal_ended = True
        self.tell(s.Proposed(number, part))

    def make_sound(self, number: int) -> None:
        """The voice makes the next clause's audio."""
        reply = self.replies[number]
        index, clause = reply.to_speak.pop(0)
        from_ms = reply.sound_ms
        words = tuple(
            Word(text, round(from_ms + i * WORD_MS), round(from_ms + (i + 1) * WORD_MS))
            for i, text in enumerate(clause.text.split())
        )
        reply.words += words
        reply.clauses_made.append(clause)
        self.tell(s.WordsTimed(number, index, words))
        if not reply.prepared:
            reply.prepared = True
            self.tell(s.Prepared(number))

    def interpret(self, interpretation: Interpretation | None = None) -> None:
        """The interpreter answers its oldest question."""
        self.tell(s.Interpreted(self.meanings.pop(0), interpretation or Interpretation(Act.STATEMENT)))

    def rest(self, *, answers: bool = True) -> None:
        """Continue fairly: everybody answers what was asked, the candidate is silent; it must come to rest.

        Without `answers` the recogniser is dead, and so are mind and voice unless the patient speaks already.
        """
        if self.near:
            self.voice_denied()
        if self.speaking:
            self.voice_pauses()
        self.detect(auto_endpoint=True)
        began_ms = self.now_ms
        while self.core.state not in (State.LISTENING, State.ENDED):
            assert self.now_ms - began_ms < REST_MS, f"{self.core.state.value} is never left"
            if answers or self.core.state in (State.SPEAKING, State.HOLDING):
                self.answer_all()
            self.tick()

    def answer_all(self) -> None:
        """Answer everything that was asked of the engines."""
        while self.interims:
            segment, number = self.interims.pop(0)
            if self.segments[segment] == "open":
                self.understood(segment, "yes", final=False, interim=number)
        for segment, state in list(self.segments.items()):
            if state == "asked":
                self.understood(segment, "where does it hurt", final=True)
        while self.meanings:
            self.interpret()
        for number, reply in list(self.replies.items()):
            if reply.over:
                continue
            if not reply.proposal_ended:
                if not reply.proposed:
                    self.propose(number, Clause("It hurts here.", "here"))
                self.propose(number, ReplyEnd())
            while reply.to_speak and not reply.over:
                self.make_sound(number)

    # -------------------------------------------------------------- commands

    def _do(self, command: c.Command) -> None:
        match command:
            case c.OpenSegment(segment=segment):
                assert segment > max(self.segments, default=0), "segment numbers only grow"
                assert "open" not in self.segments.values(), "two segments are open"
                self.segments[segment] = "open"
                self.of_turn.append(segment)
            case c.AskInterim(segment=segment, number=number):
                assert number > self._interim, "interim numbers only grow"
                self._interim = number
                assert self.segments[segment] in ("open", "asked"), "interim text of a segment that is gone"
                self.interims.append((segment, number))
            case c.AskEndOfTurn(number=number, from_ms=from_ms):
                assert number > max(self.questions, default=0), "the numbers of questions only grow"
                assert self.core.pause_since_ms is not None, "there is no pause to ask about"
                assert from_ms <= self.now_ms
                self.questions.append(number)
            case c.FinishSegment(segment=segment):
                assert self.segments[segment] == "open", "a segment is finished once"
                self.segments[segment] = "asked"
            case c.DropSegment(segment=segment):
                assert self.segments[segment] == "open", "only an open segment can be dropped"
                self.segments[segment] = "dropped"
            case c.Interpret(number=number, text=text):
                assert number > self._meaning, "the numbers of questions only grow"
                assert text, "there is nothing to interpret"
                self._meaning = number
                self.meanings.append(number)
            case c.Respond():
                self._respond(command)
            case c.Adopt(reply=number):
                reply = self._alive(number)
                assert reply.draft
                assert not reply.adopted
                waiting = self.committed[self.answered :]
                assert reply.question.lower().split() == " ".join(text for _, text in waiting).lower().split()
                reply.adopted = True
                self.put = len(self.committed)
            case c.Discard(reply=number):
                reply = self._alive(number)
                assert reply.draft, "a reply is discarded"
                assert not reply.adopted, "an adopted draft is discarded"
                reply.over = True
            case c.Speak(reply=number, clause=clause, content=content):
                self._alive(number).to_speak.append((clause, content))
            case c.CloseReply(reply=number):
                reply = self._alive(number)
                assert not reply.closed
                reply.closed = True
            case c.ReleaseReply(reply=number):
                self._release(number)
            case c.Hold(reply=number):
                reply = self._alive(number)
                assert reply.released
                assert not reply.held
                reply.held = True
            case c.Resume(reply=number, from_ms=from_ms):
                reply = self._alive(number)
                assert reply.held, "resumed without a hold"
                assert 0 <= from_ms <= reply.played_ms, "resumed beyond what was played"
                reply.held, reply.played_ms = False, from_ms
            case c.StopReply(reply=number):
                self._alive(number).over = True
            case c.Record(event=event):
                self._record(event)
            case c.End():
                self.ends += 1
                assert self.ends == 1

    def _respond(self, command: c.Respond) -> None:
        assert command.reply > max(self.replies, default=0), "reply numbers only grow"
        assert command.revision > self._revision, "revisions only grow"
        answers = [r.turn for r in self.replies.values() if r.kind is RespondKind.REPLY and r.draft is r.adopted]
        # A turn may wait while a prompt, or a dropped draft, names a later one.
        if command.kind is RespondKind.REPLY:
            assert command.turn >= max(answers, default=0), "turns only grow"
        alive = [number for number, reply in self.replies.items() if not reply.over]
        assert not alive, f"reply {command.reply} is asked for while {alive} is under way"
        self._revision = command.revision
        self.replies[command.reply] = Made(command.kind, command.turn, command.draft, command.text)
        if command.kind in (RespondKind.REPLY, RespondKind.CLOSING) and not command.draft:
            self.put = len(self.committed)
        if command.kind is RespondKind.REPLY and not command.draft:
            assert command.turn in dict(self.committed) or command.turn in self.ignored, (
                "a reply to a turn that is not over"
            )

    def _release(self, number: int) -> None:
        reply = self._alive(number)
        assert reply.prepared, "released without sound"
        assert not reply.draft or reply.adopted, "a draft is heard"
        assert not reply.released
        assert not any(other.audible for other in self.replies.values()), "two voices"
        if reply.kind is RespondKind.REPLY:
            others = [r for r in self.replies.values() if r.released and r.kind is RespondKind.REPLY]
            assert reply.turn not in [other.turn for other in others], f"turn {reply.turn} is answered twice"
        reply.released = True

    def _alive(self, number: int) -> Made:
        reply = self.replies[number]
        assert not reply.over, f"something is done with reply {number}, which is over"
        return reply

    def _record(self, event: Event) -> None:
        match event:
            case SpeechStarted(turn=turn):
                assert turn not in self.started_turns, f"turn {turn} starts twice"
                self.started_turns.append(turn)
            case TurnCommitted(turn=turn, text=text, typed=typed):
                if not typed:
                    understood = [self.texts.get(segment, "") for segment in self.of_turn]
                    assert text == " ".join(each for each in understood if each), "not what was understood"
                    self.of_turn = []
                assert turn not in dict(self.committed), f"turn {turn} is committed twice"
                assert turn not in self.ignored
                self.committed.append((turn, text))
            case TurnIgnored(turn=turn):
                assert turn not in dict(self.committed)
                self.of_turn = []
                self.ignored.append(turn)
            case ReplyStarted(reply=number) | ClauseSpoken(reply=number):
                assert number not in self.finished
            case ReplyHeld(reply=number) | ReplyResumed(reply=number):
                assert self.replies[number].released
                assert number not in self.finished
            case ReplyFinished():
                self._finished(event)
            case ReplyTruncated(reply=number, heard=heard, played_ms=played_ms):
                assert heard.split() == self.replies[number].heard(played_ms)
                assert self.patient_said, "a correction of nothing"
                self.patient_said[-1] = heard
            case CueHeard(cue=cue, reply=number):
                assert number in self.finished
                if cue not in self.told:
                    self.told.append(cue)
            case CueUnheard(cue=cue):
                self.told.remove(cue)
            case _:
                pass

    def _finished(self, event: ReplyFinished) -> None:
        assert event.reply not in self.finished, f"reply {event.reply} is finished twice"
        self.finished[event.reply] = event
        reply = self.replies.get(event.reply)
        if reply is None:  # it was never known what it was to answer
            assert (event.status, event.heard) == ("failed", "")
            self.put = len(self.committed)
            return
        reply.over = True
        if event.status == "completed":
            assert event.heard == " ".join(clause.text for clause in reply.clauses_made)
        else:
            assert event.heard.split() == reply.heard(event.played_ms), "what is kept is not what was played"
        if not reply.released:
            assert event.heard == "", "heard without being released"
        if event.heard:
            self.patient_said.append(event.heard)

    # -------------------------------------------------------------- what always holds

    def check(self) -> None:
        """Compare the core with what it has commanded."""
        core = self.core
        under_way = [number for number, reply in self.replies.items() if reply.released and not reply.over]
        if core.state in (State.SPEAKING, State.HOLDING):
            assert under_way == [core.reply_number], f"{core.state.value} with {under_way}"
            if core.state is State.SPEAKING:
                assert not self.replies[under_way[0]].held, "speaking, but on hold"
        else:
            assert under_way == [], f"{core.state.value} while {under_way} is heard"
        if core.state is State.HEARING:
            alive = [number for number, reply in self.replies.items() if not reply.over]
            assert not alive, f"hearing while reply {alive} is being made"
        if core.state is State.LISTENING:
            alive = [number for number, reply in self.replies.items() if not reply.over]
            assert not alive, f"listening while reply {alive} is being made"
            assert "open" not in self.segments.values(), "listening with an open segment"
        self._check_history(core.memory.history)

    def _check_history(self, history: list[HistoryItem]) -> None:
        patient = [item.text for item in history if item.role == "patient"]
        assert patient == [text for text in self.patient_said if text or text in patient], (
            "history is not what was heard"
        )
        candidate = [item.text for item in history if item.role == "candidate"]
        self.answered = len(candidate)
        assert len(candidate) <= self.put, f"nobody will answer {candidate[self.put :]}"
        candidate += [turn.text() for turn in self.core.memory.unanswered]
        texts = [text for _, text in self.committed]
        assert candidate == texts[: len(candidate)], "history is not what was said"
        assert self.core.state is State.ENDED or candidate == texts, "something that was said is forgotten"
        assert self.core.memory.told == self.told, "told is not what was heard"
