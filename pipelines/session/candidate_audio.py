"""The driver's ear: frames become voice activity, segments for the recogniser, and words on the media timeline."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from audio.conditioning import AudioSettings, Conditioned, Conditioner
from audio.echo import EchoWatch
from audio.frames import ANALYSIS_HZ, WIRE_HZ, Frame, FrameKind, Pcm, silence
from audio.loudness import VoicedTracker
from audio.recent import RecentAudio
from audio.resample import StreamResampler
from audio.sound_check import SoundFinding
from audio.speech import (
    SpeechAudio,
    SpeechBegan,
    SpeechContinued,
    SpeechDenied,
    SpeechDetector,
    SpeechHinted,
    SpeechPaused,
    SpeechState,
)
from pipelines.conversation import signals as s
from pipelines.conversation.core import Conversation
from pipelines.engines import Hypothesis, Word
from pipelines.lanes.decodes import RecogniserHandle

# The voice detector lets go of speech up to this long after its last voiced sample (measured: 10 to 200 ms). Loudness
# knows better, but in a loud room it never falls: so it may only take back that much.
RELEASE_MS = 250.0

# Loudness alone takes this much silence for a pause. Most such gaps inside speech are stops of consonants, so that it
# only prepares for an end; to end the turn the detector has to agree, for a while at least.
QUIET_MS = 120.0

# Audio this close to now, and this long after the pause began, may be the next word's.
LOUD_MS = 40.0

# What sounds finished is told by so much of a turn, and by a moment of the room before it.
REMEMBERED_MS = 8_000.0
ROOM_BEFORE_MS = 300.0

# A segment that opens while speech goes on after a short pause begins so much earlier: the onset must not be missing.
LOOK_BACK_MS = 160.0
# So much is kept for a segment that opens in the middle of speech: that it is somebody's is noticed so late.
RECENT_MS = 300.0


@dataclass(slots=True)
class _SegmentMap:
    """Where the audio fed for a segment lies on the media timeline: (fed samples, media ms) at each jump."""

    number: int
    fed: list[int] = field(default_factory=list)
    media_ms: list[float] = field(default_factory=list)
    total: int = 0
    asked_ms: float = 0.0  # session time at which the final text was asked for

    def map_samples(self, samples: int, at_ms: float) -> None:
        if not self.fed or abs(at_ms - self.to_media(1000.0 * self.total / ANALYSIS_HZ)) > 1.0:
            self.fed.append(self.total)
            self.media_ms.append(at_ms)
        self.total += samples

    def to_media(self, segment_ms: float) -> float:
        if not self.fed:
            return segment_ms
        index = max(bisect_right(self.fed, segment_ms * ANALYSIS_HZ / 1000.0) - 1, 0)
        return self.media_ms[index] + segment_ms - 1000.0 * self.fed[index] / ANALYSIS_HZ


class Hearing:
    """One candidate's ear; `stream` is attached once the recogniser lane has opened it.

    `remembers`: the last seconds are kept, for a turn detector to hear.
    """

    def __init__(
        self,
        *,
        rate_hz: int,
        detector: SpeechDetector,
        now_ms: Callable[[], float],
        conditioning: AudioSettings | None = None,
        remembers: bool = False,
    ) -> None:
        self._conditioner = Conditioner(rate_hz, conditioning)
        # How alike the microphone's audio and the patient's are; whoever plays the latter adds it.
        self.echo = EchoWatch(heard_hz=rate_hz, played_hz=WIRE_HZ)
        self._to_analysis = StreamResampler(rate_hz, ANALYSIS_HZ)
        self._detector = detector
        self._now_ms = now_ms
        # This is the detector's own time: it also hears late frames, which don't move media time.
        self._heard_ms = 0.0
        self._media_ms = 0.0
        self._voiced = VoicedTracker(rate_hz)
        # It is quiet by loudness, while the voice detector still hears speech.
        self._quiet = False
        # Audio that did not come may come late: until then nothing was heard.
        self.awaits_missing = False
        self._stream: RecogniserHandle | None = None
        self._segment: _SegmentMap | None = None  # the one being fed
        self._waiting: list[_SegmentMap] = []  # asked for their final text, in order
        self._remembered = RecentAudio(rate_hz=ANALYSIS_HZ, length_ms=REMEMBERED_MS) if remembers else None
        self._recent: deque[tuple[Pcm, float]] = deque()  # what was delivered last, (samples, media ms)

    def attach(self, stream: RecogniserHandle) -> None:
        """Feed this stream from now on."""
        self._stream = stream

    @property
    def last_voiced_ms(self) -> float | None:
        """Media time of the last voiced sample of the turn, by its loudness."""
        return self._voiced.last_voiced_ms

    def tick(
        self,
        frame: Frame,
        audio: Conditioned,
        media_ms: float,
        *,
        core: Conversation,
        played_ms: float,
        busy: bool,
        awaited: bool,
    ) -> s.Tick:
        """Return what a frame that was heard tells of the time that went on with it.

        `played_ms` of the reply have been heard; `busy`: the engines have enough to do; `awaited`: what is missing of
        it may still come.
        """
        self.echo.add_heard(audio.levelled, media_ms - frame.duration_ms)
        missing = frame.kind is FrameKind.MISSING
        since_ms = core.pause_since_ms
        return s.Tick(
            played_ms,
            frame.duration_ms if missing else 0.0,
            loud=since_ms is not None and self._is_loud(since_ms),
            busy=busy,
            awaited=missing and (awaited or self.awaits_missing),
            echo=self.echo.score(media_ms) if core.wants_echo else None,
        )

    def _is_loud(self, since_ms: float) -> bool:
        """Return whether a pause that began at `since_ms` may be over, or be none.

        Either the last moments are as loud as the turn's speech, or the voice detector has not let go of it.
        """
        voiced_ms = self._voiced.last_voiced_ms
        if self._quiet and self._detector.state is SpeechState.SPEAKING:
            return True
        return voiced_ms is not None and voiced_ms > max(since_ms + LOUD_MS, self._media_ms - LOUD_MS)

    def condition(self, frame: Frame) -> Conditioned:
        """Return the audio of the frame that is to be heard next, prepared."""
        return self._conditioner.process(frame.samples)

    def judge_audio(self, audio: Conditioned) -> list[SoundFinding]:
        """Learn the voice's level from the frame that was heard last, in which nobody else was to be heard.

        Returns what the candidate should be told of it.
        """
        return self._conditioner.judge(audio, self._detector.state)

    def audio_since(self, from_ms: float) -> Pcm:
        """Return what was heard of a turn that began at that media time, int16 at 16 kHz, at most its newest 8 s."""
        if self._remembered is None:
            return silence(0, ANALYSIS_HZ)
        return self._remembered.since(from_ms - ROOM_BEFORE_MS)

    def new_turn(self, from_ms: float) -> None:
        """Forget the loudness of the turn before; this one's first sound has been heard already."""
        self._voiced.reset(from_ms)
        self._quiet = False

    def hear(self, frame: Frame, audio: Conditioned, media_ms: float) -> Iterator[s.Signal]:
        """Take a frame that ends at `media_ms`, and its `sound` as `condition` prepared it.

        Yields voice signals, feeding the open segment in between.
        """
        self._media_ms = media_ms
        if frame.kind is FrameKind.MISSING and self.awaits_missing:
            return
        end_ms = media_ms if frame.at_ms is None else frame.at_ms + frame.duration_ms
        if frame.kind is not FrameKind.LATE or frame.at_ms is not None:
            # Without the gain, which may change within a turn: it is levels of one turn that are compared.
            self._voiced.track_audio(audio.clean, end_ms - frame.duration_ms)
        samples = self._to_analysis.process(audio.levelled)
        if self._remembered is not None and frame.kind is not FrameKind.LATE:
            self._remembered.append(samples, media_ms)
        self._heard_ms += 1000.0 * len(samples) / ANALYSIS_HZ
        ahead_ms = end_ms - self._heard_ms  # from the detector's time to media time
        for event in self._detector.process(samples):
            match event:
                case SpeechHinted(voiced_from_ms=voiced_from_ms):
                    if frame.kind is not FrameKind.LATE:  # old audio is no reason to silence the patient
                        yield s.VoiceHinted(voiced_from_ms + ahead_ms)
                case SpeechDenied():
                    yield s.VoiceDenied()
                case SpeechBegan(voiced_from_ms=voiced_from_ms, preroll=preroll, preroll_end_ms=end_ms):
                    yield s.VoiceStarted(voiced_from_ms + ahead_ms)
                    self._quiet = False
                    self._recent.clear()
                    self._feed(preroll, end_ms - 1000.0 * len(preroll) / ANALYSIS_HZ + ahead_ms)
                case SpeechContinued(voiced_from_ms=voiced_from_ms):
                    self._quiet = False
                    yield s.VoiceStarted(voiced_from_ms + ahead_ms)
                    self._look_back()
                case SpeechAudio(samples=spoken, at_ms=at_ms):
                    self._feed(spoken, at_ms + ahead_ms)
                case SpeechPaused() if self._quiet:
                    pass  # loudness told it before
                case SpeechPaused(silent_since_ms=silent_since_ms):
                    if self._stream is not None:
                        self._stream.flush()
                    since_ms = self._silent_since(silent_since_ms + ahead_ms)
                    # Late audio is never a reason to end a turn: the wait begins when it has come.
                    yield s.VoicePaused(media_ms if frame.kind is FrameKind.LATE else since_ms)
        if frame.kind is not FrameKind.LATE and self._detector.state is SpeechState.SPEAKING:
            yield from self._by_loudness(media_ms)

    def _by_loudness(self, media_ms: float) -> Iterator[s.Signal]:
        """Notice a pause before the voice detector lets go: what can be prepared in it is prepared that much sooner."""
        voiced_ms = self._voiced.last_voiced_ms
        if voiced_ms is None:
            return
        if not self._quiet and media_ms - voiced_ms >= QUIET_MS:
            self._quiet = True
            if self._stream is not None:
                self._stream.flush()
            yield s.VoicePaused(voiced_ms)
        elif self._quiet and media_ms - voiced_ms < LOUD_MS:
            self._quiet = False
            yield s.VoiceStarted(voiced_ms)
            self._look_back()

    def _silent_since(self, detected_ms: float) -> float:
        """Return when the voice ended: by loudness where that is plausible, since the detector lets go late."""
        voiced_ms = self._voiced.last_voiced_ms
        if voiced_ms is None:
            return detected_ms
        return min(detected_ms, max(voiced_ms, detected_ms - RELEASE_MS))

    def open_segment(self, number: int, *, in_speech: bool = False) -> None:
        """Feed what follows as a new segment; `in_speech`: and the last moments of speech that goes on."""
        self._segment = _SegmentMap(number)
        if in_speech:
            self._look_back(RECENT_MS)

    def interim(self, segment: int, number: int) -> None:
        """Ask for what was understood of the segment so far."""
        if self._segment is not None and self._segment.number == segment and self._stream is not None:
            self._stream.interim(number)

    def finish_segment(self, number: int) -> None:
        """Ask for the segment's final text."""
        if self._segment is not None and self._segment.number == number and self._stream is not None:
            self._segment.asked_ms = self._now_ms()
            self._waiting.append(self._segment)
            self._segment = None
            self._stream.finish()

    def drop_segment(self, number: int) -> None:
        """Forget the segment."""
        if self._segment is not None and self._segment.number == number and self._stream is not None:
            self._segment = None
            self._stream.reset()

    def understood(self, hypothesis: Hypothesis) -> s.Understood | None:
        """Place a hypothesis on the media timeline; None when its segment was dropped."""
        if hypothesis.final:
            segment = self._waiting.pop(0) if self._waiting else None
        else:
            segment = self._waiting[0] if self._waiting else self._segment
        if segment is None:
            return None
        return s.Understood(
            segment=segment.number,
            text=hypothesis.text,
            words=tuple(_on_media(word, segment) for word in hypothesis.words),
            stable_words=hypothesis.stable_words,
            final=hypothesis.final,
            latency_ms=self._now_ms() - segment.asked_ms if hypothesis.final else 0.0,
            interim=hypothesis.interim,
            voiceless=hypothesis.rejected is not None and hypothesis.rejected.voiceless,
        )

    def _look_back(self, back_ms: float = LOOK_BACK_MS) -> None:
        """Give a segment that has just been opened the audio of the last moments."""
        if self._segment is not None and not self._segment.fed and self._recent:
            from_ms = self._recent[-1][1] - back_ms
            for samples, at_ms in (recent for recent in self._recent if recent[1] >= from_ms):
                self._segment.map_samples(len(samples), at_ms)
                if self._stream is not None:
                    self._stream.feed(samples)

    def _feed(self, samples: Pcm, at_ms: float) -> None:
        self._recent.append((samples, at_ms))
        while self._recent and self._recent[0][1] < at_ms - RECENT_MS:
            self._recent.popleft()
        if self._segment is not None and self._stream is not None:
            self._segment.map_samples(len(samples), at_ms)
            self._stream.feed(samples)


def _on_media(word: Word, segment: _SegmentMap) -> Word:
    return replace(word, start_ms=round(segment.to_media(word.start_ms)), end_ms=round(segment.to_media(word.end_ms)))
