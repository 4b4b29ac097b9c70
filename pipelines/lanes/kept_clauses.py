"""Clauses of cards that were spoken before a patient needs them, within a bound of memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from pipelines.engines import SpeakRequest, SpeechChunk, Voice

_Key = tuple[str, Voice, frozenset[tuple[str, str]]]


class KeptClauses:
    """Spoken clauses by what was asked for; where the bound is met, the one that was used longest ago goes.

    `most_bytes` bounds the audio, 48,000 bytes a second; 0 keeps nothing.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[_Key, tuple[SpeechChunk, ...]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def bytes(self) -> int:
        """How much audio is kept."""
        return self._bytes

    @property
    def full(self) -> bool:
        """Whether one more second would make an older clause go."""
        return self._bytes + 48_000 > self.most_bytes

    def holds(self, request: SpeakRequest) -> bool:
        """Tell whether the clause is here, and leave its age as it is."""
        return _key(request) in self._kept

    def find(self, request: SpeakRequest) -> tuple[SpeechChunk, ...] | None:
        """Return the clause as it was spoken, or None."""
        if (chunks := self._kept.get(key := _key(request))) is not None:
            self._kept.move_to_end(key)
        return chunks

    def keep(self, request: SpeakRequest, chunks: Sequence[SpeechChunk]) -> None:
        """Keep a clause, if it fits at all."""
        size = _size(chunks)
        if not size or size > self.most_bytes:
            return
        self._bytes += size - _size(self._kept.pop(key := _key(request), ()))
        self._kept[key] = tuple(chunks)
        while self._bytes > self.most_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= _size(oldest)


def _key(request: SpeakRequest) -> _Key:
    return request.text, request.voice, frozenset(request.pronunciations.items())


def _size(chunks: Sequence[SpeechChunk]) -> int:
    return sum(chunk.samples.nbytes for chunk in chunks)
