"""The client of a scripted conversation: a microphone that brings the script's sound, and a loudspeaker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from audio.clock import Clock
from audio.frames import ANALYSIS_HZ, FRAME_MS, Pcm, samples_for
from audio.playout import MIN_LEAD_MS, PlayoutChunk
from common.errors import AudioError
from pipelines.conversation import signals as s
from pipelines.conversation.states import State
from pipelines.session.driver import SessionDriver
from tests.component.scripted import Act, Anchor, Script, Sound
from tests.component.scripted_ledger import Ledger
from tests.fakes.words import Heard, Lexicon, audio_of

# Without resampling, the words' levels arrive as they were sent.
INPUT_HZ = ANALYSIS_HZ
_FRAME_SAMPLES = samples_for(FRAME_MS, INPUT_HZ)
ACK_FRAMES = 5  # as our page: an acknowledgement every 100 ms
# A detector needs so long to tell that there was something.
REST_AFTER_MS = 300.0
# A candidate who meant to speak over a reply that does not come speaks after this silence.
NO_REPLY_MS = 2_000.0
# After everything was said and this much quiet, nothing more will come.
SETTLE_MS = 3_000.0
# A conversation that goes on for this long after its last word never ends.
PATIENCE_MS = 240_000.0


@dataclass(frozen=True, slots=True)
class Placed:
    """A sound of the script on the session's time, and its words' numbers and lengths."""

    sound: Sound
    from_ms: float
    # Each is its number, first sample and number of samples on the microphone's track.
    words: tuple[tuple[int, int, int], ...]

    @property
    def to_ms(self) -> float:
        """When it ended."""
        last = self.words[-1]
        return 1000.0 * (last[1] + last[2]) / INPUT_HZ


class ScriptedClient:
    """Sends a frame every 20 ms and plays what it is sent; a Sink of the driver."""

    def __init__(
        self,
        script: Script,
        *,
        lexicon: Lexicon,
        clock: Clock,
        on_frame: Callable[[float], None] | None = None,
    ) -> None:
        self.script = script
        self.ledger = Ledger(pauses=script.acknowledges != "stock")
        self.placed: list[Placed] = []
        self.troubles: list[str] = []
        self._lexicon = lexicon
        self._clock = clock
        self._on_frame = on_frame
        self._zero_ms = 0.0
        self._acts = list(script.acts)
        self._held_back: list[Pcm] = []
        self._sent = 0  # frames
        self._sounding: list[Placed] = []
        self._rest_ms: float | None = None  # since when nobody speaks or is about to
        self._acks = 0
        self._driver: SessionDriver | None = None

    @property
    def now_ms(self) -> float:
        """Session time since the client began."""
        return self._clock.now_ms() - self._zero_ms

    async def run(self, driver: SessionDriver) -> None:
        """Talk until everything was said and has settled, or the session's end."""
        self._driver = driver
        self._zero_ms = self._clock.now_ms()
        quiet_since_ms = 0.0
        loop = asyncio.get_running_loop()
        zero_s = loop.time()
        while driver.core.state is not State.ENDED:
            self._sent += 1
            await asyncio.sleep(max(0.0, zero_s + self._sent * FRAME_MS / 1000.0 - loop.time()))
            self._step(driver)
            if self._on_frame is not None:
                self._on_frame(self.now_ms)
            if self._busy(driver):
                quiet_since_ms = self.now_ms
            elif self.script.until_ms is not None:
                break
            last_ms = self.placed[-1].to_ms if self.placed else 0.0
            if self.now_ms - max(last_ms, self.script.until_ms or 0.0) > PATIENCE_MS:
                self.troubles.append("the conversation never came to rest")
                break
            if self.now_ms - quiet_since_ms >= SETTLE_MS:
                break
        self.ledger.advance(self.now_ms)

    def _busy(self, driver: SessionDriver) -> bool:
        if self.script.until_ms is not None:
            return self.now_ms < self.script.until_ms
        waiting = self._acts or len(self.placed) < len(self.script.sounds)
        speaking = any(self.now_ms < placed.to_ms for placed in self.placed[-2:])
        return bool(waiting) or speaking or driver.core.state is not State.LISTENING

    # -------------------------------------------------------------- the microphone

    def _step(self, driver: SessionDriver) -> None:
        """Do what is due at the end of a frame: ask, acknowledge, send."""
        end_ms = self._sent * FRAME_MS
        self.ledger.advance(self.now_ms)
        self._note_rest(driver)
        self._place(end_ms)
        for act in [act for act in self._acts if (due := self._due_ms(act.anchor)) is not None and due <= end_ms]:
            self._acts.remove(act)
            self._ask(driver, act)
        if self._sent % ACK_FRAMES == 0:
            self._acknowledge(driver)
        frame = self._frame(end_ms - FRAME_MS)
        kind = next((x for x in self.script.stretches if x.from_ms < end_ms <= x.to_ms), None)
        if kind is None or kind.what == "mute":
            late, self._held_back = self._held_back, []
            for piece in (*late, np.zeros_like(frame) if kind is not None else frame):
                try:
                    driver.receive_audio(piece)
                except AudioError as error:
                    self.troubles.append(error.message)
        elif kind.what == "late":
            self._held_back.append(frame)

    def _frame(self, from_ms: float) -> Pcm:
        start = samples_for(from_ms, INPUT_HZ)
        frame: Pcm = np.zeros(_FRAME_SAMPLES, dtype=np.int16)
        self._sounding = [placed for placed in self._sounding if placed.to_ms > from_ms]
        for placed in self._sounding:
            for number, first, samples in placed.words:
                begin, end = max(first, start), min(first + samples, start + _FRAME_SAMPLES)
                if begin < end:
                    frame[begin - start : end - start] = audio_of(number, end - begin, begin)
        return frame

    def _place(self, until_ms: float) -> None:
        """Fix the next sounds on the track, as soon as it is known when they begin."""
        while len(self.placed) < len(self.script.sounds):
            sound = self.script.sounds[len(self.placed)]
            due_ms = self._due_ms(sound.anchor)
            if due_ms is None or due_ms > until_ms:
                return
            from_ms = max(due_ms, until_ms - FRAME_MS)  # never into a frame that was sent
            placed = Placed(sound, from_ms, self._words(sound, from_ms))
            self.placed.append(placed)
            self._sounding.append(placed)
            self._rest_ms = None

    def _words(self, sound: Sound, from_ms: float) -> tuple[tuple[int, int, int], ...]:
        texts = sound.heard.split() or [""]
        each_ms = sound.for_ms / len(texts)
        words = []
        for index, text in enumerate(texts):
            first = samples_for(from_ms + index * each_ms, INPUT_HZ)
            samples = samples_for(from_ms + (index + 1) * each_ms - sound.gap_ms, INPUT_HZ) - first
            number = self._lexicon.add_word(Heard(text, samples, 1.0 if sound.sure else 0.1))
            words.append((number, first, samples))
        return tuple(words)

    def _note_rest(self, driver: SessionDriver) -> None:
        said_ms = self.placed[-1].to_ms + REST_AFTER_MS if self.placed else 0.0
        if driver.core.state is not State.LISTENING or self.now_ms < said_ms:
            self._rest_ms = None
        elif self._rest_ms is None:
            self._rest_ms = self.now_ms

    def _due_ms(self, anchor: Anchor) -> float | None:
        if anchor.kind == "session":
            return anchor.ms
        if anchor.kind == "sound":
            return anchor.ms + (self.placed[-1].to_ms if self.placed else 0.0)
        if anchor.kind == "rest":
            return None if self._rest_ms is None else self._rest_ms + anchor.ms
        replies = self.ledger.replies()
        if anchor.kind == "last_reply":
            last_ms = self.placed[-1].to_ms if self.placed else 0.0
            if replies and replies[-1].from_ms >= last_ms:
                return replies[-1].from_ms + anchor.ms
            return None if self._rest_ms is None else self._rest_ms + NO_REPLY_MS
        if len(replies) < anchor.reply:
            return None
        span = replies[anchor.reply - 1]
        if anchor.kind == "reply":
            return span.from_ms + anchor.ms
        over = self._driver is not None and self._driver.core.reply_number != span.reply
        return self.ledger.reply_ended_ms(span.reply) + anchor.ms if over else None

    # -------------------------------------------------------------- what the client asks and tells

    def _ask(self, driver: SessionDriver, act: Act) -> None:
        match act.what:
            case "commit":
                driver.signal(s.CommitAsked())
            case "clear":
                driver.signal(s.ClearAsked())
            case "cancel":
                driver.signal(s.CancelAsked(self.ledger.position_ms))
            case "ask":
                driver.signal(s.ReplyAsked())
            case "end":
                driver.end("disconnected")
            case "type":
                driver.signal(s.Typed(act.text))
            case "truncate":
                driver.signal(s.Truncated(self.ledger.reply, act.ms))
            case "echo_cancelled":
                driver.signal(s.EchoCancelled(act.text == "on"))

    def _acknowledge(self, driver: SessionDriver) -> None:
        ledger = self.ledger
        if not ledger.reply:
            return
        self._acks += 1
        match self.script.acknowledges:
            case "exactly":
                driver.playout.acknowledge(ledger.reply, ledger.position_ms)
            case "backwards":  # a counter that is read before it is written
                driver.playout.acknowledge(ledger.reply, max(0.0, ledger.position_ms - 250.0 * (self._acks % 3)))
            case "too fast":
                driver.playout.acknowledge(ledger.reply, ledger.received_ms * 10.0 + 60_000.0)

    # -------------------------------------------------------------- Sink

    def play(self, chunk: PlayoutChunk) -> None:
        """Play a chunk on arrival."""
        self.ledger.play(chunk, self.now_ms)

    def clear(self, reply: int, heard_ms: float) -> None:
        """Drop the rest of a reply."""
        self.ledger.clear(reply, self.now_ms)

    def hold(self, reply: int) -> None:
        """Fall silent, and say at once where."""
        self.ledger.hold(reply, self.now_ms)
        if self._driver is not None and self.script.acknowledges == "exactly":
            self._driver.playout.acknowledge(reply, self.ledger.position_ms)

    def resume(self, reply: int, from_ms: float) -> None:
        """Go on from that place."""
        self.ledger.resume(reply, from_ms, self.now_ms)

    def restart(self, reply: int, from_ms: float) -> None:
        """Begin anew at that place."""
        raise AssertionError("nobody was away")

    def lead_ms(self) -> float:
        """Return the least lead: there is no network."""
        return MIN_LEAD_MS

    def acknowledges(self) -> bool:
        """Say whether this client reports what it has played."""
        return self.script.acknowledges != "stock"
