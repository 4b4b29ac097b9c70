"""Voice-to-voice latency of one turn, split without gaps into five parts that add up to the whole.

    last voiced ─ endpoint ─► turn over ─ recognise ─► final text ─ respond ─► first clause ─ speak ─► first audio
    ─ deliver ─► first audible sample at the client

Each boundary is a session time; one that comes before its predecessor (work done ahead, in a draft) counts as no time.
When everything happened, ahead or not, is in the turn's timeline.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from audio.frames import WIRE_HZ
from audio.loudness import AudibleTracker
from audio.playout import PlayoutChunk
from pipelines.events import TurnLatency, TurnTimeline


@dataclass(frozen=True, slots=True)
class LatencyParts:
    """The five parts of a turn's voice-to-voice latency, in milliseconds."""

    endpoint: float
    recognise: float
    respond: float
    speak: float
    deliver: float

    @property
    def voice_to_voice(self) -> float:
        """The sum of the parts."""
        return self.endpoint + self.recognise + self.respond + self.speak + self.deliver

    @property
    def after_endpoint(self) -> float:
        """What the turn cost beyond the decision that it was over."""
        return self.recognise + self.respond + self.speak + self.deliver


@dataclass(slots=True)
class _Making:
    """When the steps of a reply's making were reached, in session milliseconds."""

    asked_ms: float
    draft: bool
    clause_ms: float | None = None
    sound_ms: float | None = None


@dataclass(slots=True)
class _Turn:
    """A turn that waits for its answer's first audible sample."""

    last_voiced_media_ms: float
    last_voiced_ms: float  # session time
    over_ms: float
    wait_ms: float
    committed_ms: float | None = None
    reply: int | None = None
    released_ms: float | None = None
    audible: AudibleTracker = field(default_factory=lambda: AudibleTracker(WIRE_HZ))


@dataclass(slots=True)
class _Drafts:
    """What was prepared ahead since the last answered turn."""

    made: int = 0
    discarded: int = 0
    discarded_ms: float = 0.0


class LatencyWatch:
    """Notes a turn's boundaries as they are reached, each once; all times are session milliseconds."""

    def __init__(self) -> None:
        self._turn: _Turn | None = None
        self._making: dict[int, _Making] = {}
        self._drafts = _Drafts()
        self._pause_ms: float | None = None
        self._transcript_ms: float | None = None

    def paused(self, now_ms: float) -> None:
        """A pause in the candidate's turn was noticed."""
        self._pause_ms, self._transcript_ms = now_ms, None

    def transcribed(self, now_ms: float) -> None:
        """The text of all that was said before the pause is there."""
        if self._transcript_ms is None:
            self._transcript_ms = now_ms

    def turn_over(self, now_ms: float, *, media_ms: float, last_voiced_media_ms: float | None, wait_ms: float) -> None:
        """A turn is over: its last voiced sample lies as far back as media time says."""
        voiced_ms = media_ms if last_voiced_media_ms is None else last_voiced_media_ms
        self._turn = _Turn(voiced_ms, now_ms - (media_ms - voiced_ms), now_ms, wait_ms)

    def forget(self) -> None:
        """The turn that waits for its answer can't be measured: its audio came late, or nobody was there."""
        self._turn = None

    def asked(self, now_ms: float, reply: int, *, draft: bool) -> None:
        """A reply was asked for; when it is no draft, the turn's final text is there."""
        if draft:
            self._drafts.made += 1
            self._making = {reply: _Making(now_ms, draft=True)}
        else:
            self._making = {reply: _Making(now_ms, draft=False)}
            self.committed(now_ms, reply)

    def committed(self, now_ms: float, reply: int) -> None:
        """The turn's final text is there, and this reply answers it."""
        if self._turn is not None and self._turn.committed_ms is None:
            self._turn.committed_ms, self._turn.reply = now_ms, reply

    def discarded(self, cost_ms: float) -> None:
        """A draft was thrown away."""
        self._drafts.discarded += 1
        self._drafts.discarded_ms += cost_ms

    def clause_ready(self, now_ms: float, reply: int) -> None:
        """A clause of a reply was proposed."""
        making = self._making.get(reply)
        if making is not None and making.clause_ms is None:
            making.clause_ms = now_ms

    def audio_ready(self, now_ms: float, reply: int) -> None:
        """The first audio of a reply was made."""
        making = self._making.get(reply)
        if making is not None and making.sound_ms is None:
            making.sound_ms = now_ms

    def released(self, now_ms: float, reply: int) -> None:
        """A reply's audio may go out."""
        if self._turn is not None and self._turn.reply == reply and self._turn.released_ms is None:
            self._turn.released_ms = now_ms

    def chunk_placed(
        self, chunk: PlayoutChunk, at_ms: float, *, turn: int, inserted_ms: float
    ) -> tuple[TurnLatency, TurnTimeline] | None:
        """Audio is heard from `at_ms` on; return what is to be told, once, when its first audible sample is found.

        `inserted_ms` is the part of media time that the client did not send.
        """
        now, making = self._turn, self._making.get(chunk.reply)
        if now is None or now.reply != chunk.reply or making is None or now.committed_ms is None:
            return None
        audible_ms = now.audible.track_audio(chunk.samples, chunk.from_ms)
        if audible_ms is None or making.clause_ms is None or making.sound_ms is None:
            return None
        heard_ms = at_ms - chunk.from_ms + audible_ms
        reached = (now.last_voiced_ms, now.over_ms, now.committed_ms, making.clause_ms, making.sound_ms, heard_ms)
        bounds = list(itertools.accumulate(reached, max))
        parts = LatencyParts(*(after - before for before, after in itertools.pairwise(bounds)))
        last_voiced_ms = round(now.last_voiced_media_ms - inserted_ms, 3)

        def since(moment_ms: float) -> float:
            return round(moment_ms - now.last_voiced_ms, 3)

        latency = TurnLatency(
            turn=turn,
            reply=chunk.reply,
            voice_to_voice_ms=round(parts.voice_to_voice, 3),
            endpoint_ms=round(parts.endpoint, 3),
            recognise_ms=round(parts.recognise, 3),
            respond_ms=round(parts.respond, 3),
            speak_ms=round(parts.speak, 3),
            deliver_ms=round(parts.deliver, 3),
            last_voiced_ms=last_voiced_ms,
            estimated=True,
        )
        timeline = TurnTimeline(
            turn=turn,
            reply=chunk.reply,
            last_voiced_ms=last_voiced_ms,
            wait_ms=round(now.wait_ms, 3),
            pause_ms=None if self._pause_ms is None else since(self._pause_ms),
            transcript_ms=None if self._transcript_ms is None else since(self._transcript_ms),
            draft_ms=since(making.asked_ms) if making.draft else None,
            clause_ms=since(making.clause_ms),
            sound_ms=since(making.sound_ms),
            endpoint_ms=since(now.over_ms),
            committed_ms=since(now.committed_ms),
            released_ms=since(now.committed_ms if now.released_ms is None else now.released_ms),
            audible_ms=since(heard_ms),
            speculated=self._drafts.made,
            discarded=self._drafts.discarded,
            discarded_ms=round(self._drafts.discarded_ms, 3),
            reused=making.draft,
        )
        self._turn, self._drafts = None, _Drafts()
        self._pause_ms = self._transcript_ms = None
        return latency, timeline
