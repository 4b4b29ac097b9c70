"""A link to a session in this process: the same driver and engines as the server's, without sockets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from audio.clock import Clock
from audio.conditioning import AudioSettings
from audio.frames import WIRE_HZ, Pcm
from audio.playout import MIN_LEAD_MS, PlayoutChunk
from audio.speech import SpeechDetector, SpeechSettings
from audio.vad import VadName, make_vad
from bench.replay.link import (
    CueTold,
    Ignored,
    Listener,
    Over,
    PatientChunk,
    PlayoutCleared,
    PlayoutHeld,
    ReplyBegan,
    ReplyEnded,
    Restarted,
    Resumed,
    Timeline,
    Timing,
    Told,
    Trouble,
    TurnTranscribed,
)
from common.errors import AudioError
from pipelines.conversation.settings import ConversationSettings
from pipelines.endpointing.policy import EndpointPolicy
from pipelines.engines import Word
from pipelines.events import (
    Audience,
    CueHeard,
    Problem,
    ReplyFinished,
    ReplyStarted,
    SessionEnded,
    TurnCommitted,
    TurnIgnored,
    TurnLatency,
    TurnTimeline,
)
from pipelines.lanes.answer_times import PastAnswers
from pipelines.log.session_log import LogEntry, LogStore, SessionLog
from pipelines.patient.card import Card
from pipelines.session.driver import Engines, SessionDriver, SessionSpec


class LocalLink:
    """Runs a SessionDriver and listens to its log as a developer may."""

    def __init__(
        self,
        *,
        card: Card,
        engines: Engines,
        conversation: ConversationSettings,
        speech: SpeechSettings,
        vad: VadName,
        clock: Clock,
        session_s: int,
        session_id: str = "replay",
        store: LogStore | None = None,
        acknowledges: bool = True,
        conditioning: AudioSettings | None = None,
        policy: EndpointPolicy | None = None,
        seed: int = 0,
        mode: str = "practice",
        past: PastAnswers | None = None,
    ) -> None:
        # These are the words of each reply that was heard, at their places in its audio.
        self.words: dict[int, tuple[Word, ...]] = {}
        self._acknowledges = acknowledges
        self._tell: Listener = lambda _told: None
        salts = _salts()
        self.driver = SessionDriver(
            SessionSpec(session_id, card, mode, session_s, seed, WIRE_HZ, paced=not clock.virtual, past=past),
            engines=engines,
            settings=conversation,
            detector=SpeechDetector(make_vad(vad).vad, speech),
            conditioning=conditioning,
            policy=policy,
            clock=clock,
            sink=self,
            make_log=lambda media_ms: SessionLog(
                now_ms=clock.now_ms, media_ms=media_ms, salt=lambda: next(salts), store=store
            ),
        )
        self.driver.log.subscribe(Audience.DEVELOPER, self._record)

    def start(self) -> None:
        """Begin the role-play."""
        self.driver.start()

    # -------------------------------------------------------------- Link

    def listen(self, listener: Listener) -> None:
        """Tell this listener from now on."""
        self._tell = listener

    def send(self, samples: Pcm) -> None:
        """Hand audio to the driver."""
        try:
            self.driver.receive_audio(samples)
        except AudioError as error:
            self._tell(Trouble(error.message))

    def acknowledge(self, reply: int, played_ms: float) -> None:
        """Tell playout."""
        self.driver.playout.acknowledge(reply, played_ms)

    async def close(self) -> None:
        """End the session."""
        self.driver.end("ended")

    # -------------------------------------------------------------- Sink

    def play(self, chunk: PlayoutChunk) -> None:
        """Note a chunk as heard on arrival."""
        self._tell(PatientChunk(chunk.reply, chunk.samples))

    def clear(self, reply: int, heard_ms: float) -> None:
        """Note that the rest is not to be played."""
        self._tell(PlayoutCleared(reply))

    def hold(self, reply: int) -> None:
        """Have the candidate's loudspeaker pause."""
        self._tell(PlayoutHeld(reply))

    def resume(self, reply: int, from_ms: float) -> None:
        """Have the candidate's loudspeaker go on."""
        self._tell(Resumed(reply, from_ms))

    def restart(self, reply: int, from_ms: float) -> None:
        """Have the candidate's loudspeaker begin anew: never, as no connection is lost here."""
        self._tell(Restarted(reply, from_ms))

    def lead_ms(self) -> float:
        """Return the least lead: there is no network."""
        return MIN_LEAD_MS

    def acknowledges(self) -> bool:
        """Say that the candidate reports what was played, unless it stands for a stock client."""
        return self._acknowledges

    def _record(self, record: LogEntry) -> None:
        if isinstance(record.event, ReplyFinished):
            self._note_words(record.event.reply)
        told = told_of(record)
        if told is not None:
            self._tell(told)

    def question_ms(self, reply: int) -> float | None:
        """Return where in a reply's audio the last word of its last question begins, once all of it is known."""
        now = self.driver.core.reply
        if now is None or now.number != reply or now.end is None or len(now.made) < len(now.clauses):
            return None
        questions = now.questions()
        return questions[-1].last_word_ms if questions else None

    def _note_words(self, reply: int) -> None:
        last = self.driver.core.memory.last_reply
        if last is not None and last.number == reply:
            self.words[reply] = tuple(word for clause in sorted(last.words) for word in last.words[clause])


def told_of(record: LogEntry) -> Told | None:
    """Return what a log record means to a simulated candidate, if anything."""
    match record.event:
        case TurnCommitted(turn=turn, text=text):
            return TurnTranscribed(turn, text)
        case ReplyStarted(reply=reply):
            return ReplyBegan(reply)
        case ReplyFinished(reply=reply, heard=heard, status=status):
            return ReplyEnded(reply, heard, status)
        case TurnIgnored(turn=turn, reason=reason, text=text):
            return Ignored(turn, reason, text)
        case CueHeard(cue=cue):
            return CueTold(cue)
        case TurnTimeline() as timeline:
            return Timeline(timeline)
        case TurnLatency() as latency:
            return Timing(
                latency.reply,
                latency.endpoint_ms,
                latency.recognise_ms,
                latency.respond_ms,
                latency.speak_ms,
                latency.last_voiced_ms,
            )
        case Problem(message=message):
            return Trouble(message)
        case SessionEnded(reason=reason):
            return Over(reason)
    return None


def _salts() -> Iterator[str]:
    """Yield salts that are the same in every replay, so that two replays' logs can be compared whole."""
    number = 0
    while True:
        yield hashlib.sha256(f"replay/{number}".encode()).hexdigest()[:32]
        number += 1
