"""A lane of segment decoders under virtual time, and speakers on it who note all that they are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from audio.frames import ANALYSIS_HZ, Pcm, samples_for, silence
from pipelines.engines import Hypothesis, StreamSpec
from pipelines.lanes.decodes import DecodeHandle, DecodeLane
from pipelines.virtual_time import virtual_clock
from tests.fakes.decoder import Call, LexiconDecoder, Phrases

FRAME_MS = 20.0


class Session:
    """A speaker on the lane, and everything that was told of what they said."""

    def __init__(self, lane: DecodeLane, phrases: Phrases, name: str) -> None:
        self.name = name
        self.told: list[Hypothesis] = []
        self.told_at_ms: list[float] = []
        self.finished = 0
        self.when_peeked: Callable[[], None] = lambda: None
        self.handle: DecodeHandle = lane.open(StreamSpec(name), self._listen)
        self._phrases = phrases
        self._words = 0
        self._changed = asyncio.Event()

    def _listen(self, hypothesis: Hypothesis) -> None:
        self.told.append(hypothesis)
        self.told_at_ms.append(asyncio.get_running_loop().time() * 1000.0)
        self._changed.set()
        if hypothesis.interim is not None:
            self.when_peeked()

    def text(self, words: int) -> str:
        """Return the next words of this speaker: each is said once."""
        first, self._words = self._words, self._words + words
        return " ".join(f"{self.name}{number}" for number in range(first, self._words))

    def say(self, words: int = 2) -> str:
        """Say so many words at once, as after a network's hiccup."""
        text = self.text(words)
        self.handle.feed(self._phrases.say(text))
        return text

    async def talk(self, words: int) -> str:
        """Say so many words as time goes by."""
        text = self.text(words)
        await feed(self.handle, self._phrases.say(text))
        return text

    def finish(self) -> None:
        self.finished += 1
        self.handle.finish()

    async def final(self) -> str:
        """Wait until every segment that was finished has its final text, and return the last."""
        async with asyncio.timeout(60):  # of virtual time
            while len(self.finals) < self.finished:
                self._changed.clear()
                await self._changed.wait()
        return self.finals[-1]

    @property
    def finals(self) -> list[str]:
        return [hypothesis.text for hypothesis in self.told if hypothesis.final]

    @property
    def captions(self) -> list[Hypothesis]:
        return [hypothesis for hypothesis in self.told if not hypothesis.final and hypothesis.interim is None]

    @property
    def interims(self) -> list[tuple[int, str]]:
        return [(hypothesis.interim, hypothesis.text) for hypothesis in self.told if hypothesis.interim is not None]


async def feed(handle: DecodeHandle, audio: Pcm) -> None:
    step = samples_for(FRAME_MS, ANALYSIS_HZ)
    for start in range(0, len(audio), step):
        handle.feed(audio[start : start + step])
        await asyncio.sleep(FRAME_MS / 1000.0)


def quiet(ms: float) -> Pcm:
    return silence(ms, ANALYSIS_HZ)


class Stage:
    """A lane under virtual time and the decoder behind it."""

    def __init__(self, lane: DecodeLane, decoder: LexiconDecoder, phrases: Phrases) -> None:
        self.lane, self.decoder = lane, decoder
        self.incidents: list[str] = []
        lane.on_incident.append(lambda what, _detail: self.incidents.append(what))
        self._phrases = phrases

    def session(self, name: str) -> Session:
        return Session(self.lane, self._phrases, name)

    @property
    def now_ms(self) -> float:
        return asyncio.get_running_loop().time() * 1000.0

    def calls(self, *purposes: str) -> list[Call]:
        """Return the calls that had such requests."""
        return [call for call in self.decoder.calls if set(call.purposes) & set(purposes)]


@asynccontextmanager
async def staged(
    *,
    make: type[LexiconDecoder] = LexiconDecoder,
    word_ms: float = 200.0,
    workers: int = 1,
    lane: dict[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[Stage]:
    """Open a lane while the block runs; `options` are the decoder's."""
    phrases = Phrases(word_ms=word_ms)
    decoder = make(phrases.lexicon, **options)
    chosen = {"caption_every_ms": 400.0} | (lane or {})
    opened = DecodeLane(
        lambda: decoder, isolation="thread", workers=workers, clock=virtual_clock(), name="ear", **chosen
    )
    await opened.start()
    yield Stage(opened, decoder, phrases)
    await opened.stop()
